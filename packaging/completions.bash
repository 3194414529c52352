# What bash offers for each argument, which is the beginning of a command line. Usage: bash --norc completions.bash LINE...
# shellcheck shell=bash disable=SC1091
. /usr/share/bash-completion/bash_completion
_completion_loader bowsprit
function=$(complete -p bowsprit | sed 's/.* -F \([^ ]*\).*/\1/')
for COMP_LINE in "$@"; do
    read -r -a COMP_WORDS <<<"$COMP_LINE"
    # A blank at the end begins the next word.
    [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
    COMP_POINT=${#COMP_LINE}
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    "$function" bowsprit "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
done
