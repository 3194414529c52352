# What zsh offers for each argument, which is the beginning of a command line. Usage: zsh -f completions.zsh LINE...
#
# Its completion works in its line editor alone, so a second zsh runs in a terminal of its own. What is typed before that
# editor has begun would not reach it, therefore it says when it has.
zmodload zsh/zpty
zpty shell 'TERM=dumb zsh -f -i'
zpty -w shell 'stty columns 200 rows 50; autoload -Uz compinit; compinit -u -D
    zle-line-init() { print rea""dy }; zle -N zle-line-init'
zpty -r shell output '*ready*'
for line in "$@"; do
    # Tab prints what there is, Ctrl-U empties the line, and Enter begins the next.
    zpty -w shell $line$'\t\x15'
    zpty -r shell output '*ready*'
    print -r -- $output
done
zpty -d shell
