#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An engine that misbehaves on demand, for tests of the supervisor.

The account id says how: what stands before the first "." is the behaviour
(see the functions b_*), the rest only makes it unique.  Files in $TMPDIR:
"events" gets a line when a child begins and ends, "<id>.count" the number of
its starts, "<id>.seen" what it saw of its surroundings.
"""
import json
import os
import signal
import sys
import time

TMP = os.environ.get('TMPDIR', '/tmp')
ZERO = {'source': 0, 'copied': 0, 'present': 0, 'vanished': 0, 'unreached': 0,
        'bytes': 0, 'skipped': {}, 'refused': {}}


def event(what, account):
    with open(os.path.join(TMP, 'events'), 'a', encoding='ascii') as f:
        f.write('%.6f %s %s %d\n' % (time.monotonic(), what, account,
                                     os.getpid()))


def raw(data):
    try:
        os.write(4, data)
    except BrokenPipeError:
        pass  # the supervisor is gone


def say(ev, **fields):
    raw(json.dumps({'v': 1, 'ev': ev, **fields}).encode() + b'\n')


def tally(**fields):
    return {**ZERO, **fields}


def end(code, **fields):
    fields.setdefault('tally', tally())
    say('end', exit=code, duration_ms=1, **fields)


def leave(code):
    event('end', ACCOUNT)
    os._exit(code)


def read_job():
    data = b''
    while not data.endswith(b'\n'):
        piece = os.read(3, 65536)
        if not piece:
            os._exit(4)
        data += piece
    return json.loads(data)


def starts():
    path = os.path.join(TMP, ACCOUNT + '.count')
    with open(path, 'a+', encoding='ascii') as f:
        f.write('x')
        f.flush()
        f.seek(0)
        return len(f.read())


def b_ok():
    t = tally(source=3, copied=2, present=1, bytes=200)
    say('mailbox', mailbox='INBOX', target='INBOX', tally=t)
    end(0, tally=t)
    leave(0)


def b_slow():
    time.sleep(0.4)
    b_ok()


def b_longer():
    time.sleep(1.5)
    b_ok()


def b_code(code):
    end(code, reason='test.code', text='ended with %d' % code)
    leave(code)


def b_signal(number):
    event('end', ACCOUNT)
    os.kill(os.getpid(), number)


def b_silent():
    leave(0)


def b_mute(code):
    """Leaves with a code, but without a word."""
    leave(code)


def b_done():
    """One mailbox done, then killed; nothing left to do the next time."""
    if starts() == 1:
        say('mailbox', mailbox='INBOX', target='INBOX',
            tally=tally(source=5, copied=5, bytes=500))
        event('end', ACCOUNT)
        os.kill(os.getpid(), signal.SIGKILL)
    end(0, tally=tally(source=5, present=5))
    leave(0)


def b_disagree():
    end(0)
    leave(1)


def b_torn():
    end(0)
    raw(b'{"v":1,"ev":"pro')
    leave(0)


def b_giant():
    raw(b'{"v":1,"ev":"warning","text":"' + b'x' * 5000)
    time.sleep(30)


def b_binary():
    raw(bytes(range(256)) * 4 + b'\n')
    time.sleep(30)


def b_version():
    raw(b'{"v":2,"ev":"end","exit":0,"tally":{}}\n')
    time.sleep(30)


def b_unbalanced():
    end(0, tally=tally(source=5, copied=1))
    leave(0)


def b_grandchild():
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    b_ok()


def b_escaped():
    # a grandchild of another session: not killed with the group
    if os.fork() == 0:
        os.setsid()
        time.sleep(8)
        os._exit(0)
    b_ok()


def b_hang():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def b_stopped():
    """Is stopped, so that TERM does not reach it."""
    os.kill(os.getpid(), signal.SIGSTOP)
    b_ok()


def b_wait():
    """Copies until the job pipe is closed, then ends cleanly."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say('progress', mailbox='INBOX', expected=10,
        tally=tally(source=10, copied=4, unreached=6, bytes=400))
    os.read(3, 1)
    end(4, reason='operator.stop', text='stopped',
        tally=tally(source=10, copied=4, unreached=6, bytes=400))
    leave(4)


def b_name():
    """Works on a mailbox whose name stands in the file of its id."""
    with open(os.path.join(TMP, ACCOUNT), encoding='utf-8') as f:
        name = f.read()
    # as an engine would: what is not printable is escaped
    name = ''.join(c if c.isprintable() else ''.join(
        '\\x%02x' % b for b in c.encode()) for c in name)
    say('progress', mailbox=name, expected=10,
        tally=tally(source=10, copied=4, unreached=6, bytes=400))
    time.sleep(1.5)
    b_ok()


def b_dying():
    """The first one notices late that its supervisor is gone."""
    if starts() > 1:
        b_ok()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    event('busy', ACCOUNT)
    os.read(3, 1)
    time.sleep(1.5)
    leave(4)


def b_twice():
    if starts() <= 2:
        end(75, reason='net.reset', text='connection reset',
            tally=tally(source=3, copied=1, unreached=2, bytes=100))
        leave(75)
    end(0, tally=tally(source=3, copied=1, present=2, bytes=100))
    leave(0)


def b_once():
    if starts() == 1:
        b_signal(signal.SIGSEGV)
    b_ok()


def b_changed():
    if starts() == 1:
        end(2, tally=tally(source=2, copied=2))
        leave(2)
    b_ok()


def b_until():
    """Fails with 77 as long as no file 'fixed' is there."""
    if os.path.exists(os.path.join(TMP, 'fixed')):
        b_ok()
    b_code(77)


def b_down():
    """Its target is down as long as a file of that name is there."""
    if os.path.exists(os.path.join(TMP, 'down')):
        end(75, side='target', reason='net.refused', text='target: refused')
        leave(75)
    b_ok()


def b_later(ms):
    """The server wants to be left alone so long, once."""
    if starts() == 1:
        end(3, side='source', reason='throttle.later', text='later',
            retry_after_ms=ms)
        leave(3)
    b_ok()


def b_asked(ms):
    """The same, as a failure that passes."""
    if starts() == 1:
        end(75, side='source', reason='throttle', text='slower',
            retry_after_ms=ms)
        leave(75)
    b_ok()


def b_denied():
    """The source refuses the login, unless a file 'fixed' is there."""
    if os.path.exists(os.path.join(TMP, 'fixed')):
        b_ok()
    end(77, side='source', reason='auth.rejected', text='refused')
    leave(77)


def b_pour():
    """Copies 1 MB a record until it is told to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.set_blocking(3, False)
    copied = 0
    while True:
        copied += 1
        t = tally(source=100000, copied=copied, unreached=100000 - copied,
                  bytes=copied * 1000000)
        say('progress', mailbox='INBOX', expected=100000, tally=t)
        try:
            if not os.read(3, 1):
                break
        except BlockingIOError:
            time.sleep(0.02)
    end(4, reason='operator.stop', text='stopped', tally=t)
    leave(4)


def b_wordless():
    """As an engine that ends without an error: it has no words for it."""
    end(1, tally=tally(source=3, copied=2, refused={'append.too_big': 1}))
    leave(1)


def b_draft():
    t = tally(source=3, copied=2, refused={'append.virus': 1}, bytes=20)
    say('progress', mailbox='Entw&APw-rfe', tally=t, expected=3)
    say('refused', mailbox='Entw&APw-rfe', target='Entw&APw-rfe', uid=7,
        uidvalidity=1, side='target', step='APPEND', reason='append.virus',
        text='it has a "worm"')
    say('mailbox', mailbox='Entw&APw-rfe', target='R&-D', tally=t)
    end(1, tally=t)
    leave(1)


def b_refused():
    t = tally(source=3, copied=2, refused={'append.too_big': 1}, bytes=20)
    say('refused', mailbox='INBOX', target='INBOX', uid=7, uidvalidity=1,
        size=30000000, side='target', step='APPEND', reason='append.too_big',
        text='the server said: too big')
    say('mailbox', mailbox='INBOX', target='INBOX', tally=t)
    end(1, reason='append.too_big', text='1 message refused', tally=t)
    leave(1)


def b_look():
    fds = {}
    for name in os.listdir('/proc/self/fd'):
        try:
            fds[name] = os.readlink('/proc/self/fd/' + name)
        except OSError:
            pass
    with open('/proc/self/cmdline', 'rb') as f:
        cmdline = f.read().decode()
    with open('/proc/self/status', encoding='ascii') as f:
        status = dict(line.rstrip('\n').split(':\t', 1) for line in f
                      if ':\t' in line)
    seen = {'fds': fds, 'cmdline': cmdline, 'environ': dict(os.environ),
            'pgrp': os.getpgrp(), 'pid': os.getpid(),
            'blocked': status['SigBlk'], 'ignored': status['SigIgn'],
            'job': JOB, 'umask': status['Umask']}
    with open(os.path.join(TMP, ACCOUNT + '.seen'), 'w',
              encoding='utf-8') as f:
        json.dump(seen, f)
    print('said on standard output')
    sys.stdout.flush()
    b_ok()


def main():
    global ACCOUNT, JOB
    args = sys.argv[1:]
    ACCOUNT = args[args.index('--account') + 1]
    behaviour = ACCOUNT.split('.')[0]
    event('begin', ACCOUNT)
    if behaviour == 'early':
        leave(127)
    JOB = read_job()
    assert JOB['account'] == ACCOUNT
    say('start', account=ACCOUNT, version='test')
    for prefix in ('code', 'signal', 'mute', 'later', 'asked'):
        rest = behaviour[len(prefix):]
        if behaviour.startswith(prefix) and rest.isdigit():
            globals()['b_' + prefix](int(rest))
    globals()['b_' + behaviour]()


if __name__ == '__main__':
    main()
