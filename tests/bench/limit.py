#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast two servers could be without anything in between.

    limit.py [--drains] MAILDIR SOURCE_PORT TARGET_PORT [USER]...

One process drains the source over one connection and throws away what it reads,
another one fills the target over one connection with commands it has prepared:
APPENDs of 50 messages or 10 MB without waiting for any answer (large messages are
sent from their files, so that memory is not what is measured).  Both at once; the
clock runs from the command after login to the last answer of the later one.
Several users are taken one after the other.  With --drains the target is drained
too instead of filled: no comparison of all bytes is faster.  Prints a line of JSON.
"""
import json
import multiprocessing
import os
import socket
import sys
import threading
import time

BATCH, BATCH_BYTES = 50, 10_000_000
FROM_FILE_BYTES = 1_000_000
BLOCK = 1 << 20
PATIENCE = 600
FLAGS = {'F': '\\Flagged', 'R': '\\Answered', 'S': '\\Seen'}


def login(port, user):
    line = socket.create_connection(('127.0.0.1', port), PATIENCE)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = line.makefile('rb')
    answers.readline()
    line.sendall(b'a LOGIN %s pass\r\n' % user.encode())
    while True:
        answer = answers.readline()
        if answer.startswith(b'a OK'):
            return line, answers
        if not answer or answer.startswith(b'a '):
            raise SystemExit('%s: %r' % (user, answer))


def mailboxes(maildir, user):
    """[(name, folder)]"""
    root = os.path.join(maildir, user, 'Maildir')
    return [('INBOX', root)] + [
        (name[1:].replace('.', '/'), os.path.join(root, name))
        for name in sorted(os.listdir(root))
        if name.startswith('.') and os.path.isdir(os.path.join(root, name))]


def head_of(name, size):
    flags = ' '.join(FLAGS[c] for c in name.rpartition(',')[2])
    when = time.strftime('%d-%b-%Y %H:%M:%S +0000',
                         time.gmtime(int(name.partition('.')[0])))
    return b' (%s) "%s" {%d+}\r\n' % (flags.encode(), when.encode(), size)


def appends(box, folder):
    """Commands that put a mailbox's files to the target, in batches: bytes, and
    names of files whose bytes belong there."""
    text, size, count = [], 0, 0
    for name in sorted(os.listdir(folder + '/cur')):
        path = os.path.join(folder, 'cur', name)
        length = os.path.getsize(path)
        if count == 0:
            text.append(b'b APPEND "%s"' % box.encode())
        text.append(head_of(name, length))
        if length >= FROM_FILE_BYTES:
            yield b''.join(text)
            yield path
            text = []
        else:
            with open(path, 'rb') as f:
                text.append(f.read())
        size += length
        count += 1
        if count == BATCH or size >= BATCH_BYTES:
            yield b''.join(text) + b'\r\n'
            text, size, count = [], 0, 0
    if count:
        yield b''.join(text) + b'\r\n'


def commands(maildir, user):
    for box, folder in mailboxes(maildir, user):
        if box != 'INBOX':
            yield b'b CREATE "%s"\r\n' % box.encode()
        yield from appends(box, folder)


def drain(port, user, boxes):
    line, answers = login(port, user)
    yield 'ready'
    line.sendall(b''.join(
        b'c EXAMINE "%s"\r\nc UID FETCH 1:* '
        b'(FLAGS INTERNALDATE BODY.PEEK[])\r\n' % box.encode()
        for box, _ in boxes) + b'd LOGOUT\r\n')
    window, tail = bytearray(BLOCK), b''
    while True:
        got = line.recv_into(window)
        if not got:
            break
        tail = (tail + window[max(0, got - 80):got])[-80:]
    if b'd OK' not in tail:
        raise SystemExit('the source ended with %r' % tail)
    answers.close()
    line.close()


def fill(port, user, stream):
    line, answers = login(port, user)
    refused = []

    def listen():
        for answer in answers:
            # Dovecot has made INBOX and parents of children by itself
            if answer.startswith(b'b ') and not answer.startswith(b'b OK') \
                    and b'ALREADYEXISTS' not in answer:
                refused.append(answer)

    listener = threading.Thread(target=listen)
    listener.start()
    yield 'ready'
    for chunk in stream:
        if isinstance(chunk, bytes):
            line.sendall(chunk)
            continue
        with open(chunk, 'rb') as f:
            line.sendfile(f)
    line.sendall(b'd LOGOUT\r\n')
    listener.join()
    if refused:
        raise SystemExit('the target refused: %r' % refused[0])
    line.close()


def side(work, go, ready, result, name):
    """Runs all steps of one side; the clock stands while it logs in."""
    took = 0
    try:
        for step in work:
            next(step)
            ready.release()
            go.wait()
            begun = time.monotonic()
            for _ in step:
                pass
            took += time.monotonic() - begun
        result.put((name, took, time.monotonic()))
    except BaseException as e:  # the other process must hear of it
        result.put((name, str(e), 0))
        raise


def main():
    drains = '--drains' in sys.argv
    maildir, source, target, *users = [a for a in sys.argv[1:]
                                       if a != '--drains']
    source, target = int(source), int(target)
    boxes = {u: mailboxes(maildir, u) for u in users}
    streams = {} if drains else {u: list(commands(maildir, u)) for u in users}
    context = multiprocessing.get_context('fork')
    go, ready = context.Event(), context.Semaphore(0)
    result = context.Queue()
    sides = [
        ('drain', [drain(source, u, boxes[u]) for u in users]),
        ('fill', [drain(target, u, boxes[u]) if drains else
                  fill(target, u, streams[u]) for u in users])]
    processes = [context.Process(target=side, daemon=True,
                                 args=(work, go, ready, result, name))
                 for name, work in sides]
    for p in processes:
        p.start()
    for _ in processes:
        ready.acquire(timeout=PATIENCE)
    begun = time.monotonic()
    go.set()
    told = {}
    for _ in processes:
        name, took, ended = result.get(timeout=PATIENCE)
        if isinstance(took, str):
            raise SystemExit('%s: %s' % (name, took))
        told[name] = (took, ended)
    for p in processes:
        p.join(PATIENCE)
    print(json.dumps({
        'drain': round(told['drain'][0], 4), 'fill': round(told['fill'][0], 4),
        'seconds': round(max(e for _, e in told.values()) - begun, 4)}))


if __name__ == '__main__':
    main()
