"""A program at a terminal of its own, for the checks of this folder."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

SIZE = struct.pack("HHHH", 50, 200, 0, 0)  # rows and columns


class Timeout(Exception):
    """What was waited for has not come; `text` is what did."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text


class Terminal:
    """The terminal writes what is typed into what is read, as every terminal does."""

    def __init__(self, command, folder, environment, *passed):
        self.ended = False
        self.unread = b""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, SIZE)
                for file in passed:
                    os.set_inheritable(file, True)
                os.chdir(folder)
                os.execvpe(command[0], command, environment)
            except OSError as error:
                os.write(2, f"{command[0]}: {error}\n".encode())
            finally:
                os._exit(127)

    def write(self, text):
        try:
            os.write(self.file, text.encode())
        except OSError:
            pass  # nobody is there any more, which the next read tells

    def read_until(self, enough, seconds):
        """What has come since the last call, once that is enough or the program has ended."""
        deadline = time.monotonic() + seconds
        while True:
            text = self.unread.decode(errors="replace").replace("\r\n", "\n")
            if self.ended or enough(text):
                self.unread = b""
                return text
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self.file], [], [], remaining)[0]:
                self.unread = b""
                raise Timeout(text)
            try:
                read = os.read(self.file, 65536)
            except OSError:  # how Linux says that nobody holds the other end any more
                read = b""
            self.unread += read
            self.ended = not read

    def close(self):
        """Ends the program, and all that it has started at this terminal."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self.file)
        os.waitpid(self.pid, 0)
