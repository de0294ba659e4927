# SPDX-License-Identifier: MIT
"""Real shells asked what they complete."""
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import time

# on a machine that is busy; for hangs, not for speed
PATIENCE = 120


def bash_offers(script, program, words, folder, before=''):
    """What bash offers for the last of the words; `before` is run first and may
    leave the completion to be loaded by somebody else (script: '')."""
    text = (before + '\n[ -z "$1" ] || . "$1"\nprogram=$2; shift 2\n'
            'COMP_WORDS=("$program" "$@"); COMP_CWORD=$#\n'
            'complete -p "$program" >/dev/null || exit 3\n'
            '"_$program" "$program" "${COMP_WORDS[COMP_CWORD]}"\n'
            'for w in "${COMPREPLY[@]}"; do printf "%s\\n" "$w"; done')
    p = subprocess.run(
        ['bash', '--norc', '-c', text, 'bash', script, program, *words],
        capture_output=True, text=True, cwd=folder, timeout=PATIENCE)
    if p.returncode or p.stderr:
        raise AssertionError('bash: %d: %s' % (p.returncode, p.stderr))
    return p.stdout.splitlines()


def fish_offers(script, line, folder):
    """(what, its description) that fish offers at the end of the line."""
    p = subprocess.run(
        ['fish', '--no-config', '-c',
         'source $argv[1]; complete -C $argv[2]', script, line],
        capture_output=True, text=True, cwd=folder, timeout=PATIENCE,
        env=dict(os.environ, HOME=folder))
    if p.returncode or p.stderr:
        raise AssertionError('fish: %d: %s' % (p.returncode, p.stderr))
    return [(offer + '\t').split('\t')[:2] for offer in p.stdout.splitlines()]


class Zsh:
    """Asked as a user does it: on a terminal, with the tabulator."""

    def __init__(self, scripts, folder):
        """`scripts` is the folder of the completions, `folder` its home."""
        with open(os.path.join(folder, '.zshrc'), 'w', encoding='utf-8') as f:
            f.write('\n'.join((
                'fpath=(%s $fpath)' % shlex.quote(scripts),
                'autoload -U compinit && compinit -u -D',
                'unsetopt beep; PS1=',
                "show() { print -r -- \"<<$BUFFER>>\"; BUFFER= }; zle -N show",
                "bindkey '^I' complete-word '^X' show",
                'LISTMAX=0; setopt no_auto_list no_auto_menu no_list_beep',
                'print -r -- "<<ready>>"', '')))
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe('zsh', ['zsh', '-d', '-i'], dict(
                os.environ, ZDOTDIR=folder, HOME=folder, TERM='vt100',
                COLUMNS='400'))
        try:
            if self.shown() != 'ready':
                raise AssertionError('zsh did not begin')
        except AssertionError:
            self.stop()
            raise

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)

    def shown(self):
        seen = b''
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 1)[0]:
                seen += os.read(self.terminal, 65536)
            found = re.search(rb'<<([^<>]*)>>', seen)
            if found:
                return found.group(1).decode()
        raise AssertionError('zsh did not answer: %r' % seen[-2000:])

    def ask(self, line):
        """The line after the tabulator was pressed at its end."""
        os.write(self.terminal, b'%s\t\x18' % line.encode())
        return self.shown().rstrip()
