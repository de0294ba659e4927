# SPDX-License-Identifier: MIT
"""A headless Chromium, driven through a pair of pipes."""
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAM = shutil.which('chromium') or shutil.which('chromium-browser')


class Browser:
    """One page. Requests, console messages and exceptions are kept."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='mcv-browser-')
        theirs_in, self.out = os.pipe()
        self.inp, theirs_out = os.pipe()

        def place():
            # above both, so that neither is overwritten before its turn
            a, b = os.dup2(theirs_in, 20), os.dup2(theirs_out, 21)
            os.dup2(a, 3)
            os.dup2(b, 4)
        self.process = subprocess.Popen(
            [PROGRAM, '--headless=new', '--no-sandbox', '--disable-gpu',
             '--no-first-run', '--disable-dev-shm-usage',
             '--remote-debugging-pipe', '--user-data-dir=' + self.folder,
             'about:blank'], preexec_fn=place, close_fds=False,
            start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.pending, self.number, self.events = b'', 0, []
        self.session = None
        target = self.ask('Target.createTarget', url='about:blank')
        self.session = self.ask('Target.attachToTarget', flatten=True,
                                targetId=target['targetId'])['sessionId']
        for domain in ('Page', 'Network', 'Runtime', 'Log'):
            self.ask(domain + '.enable')

    def close(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.inp)
        os.close(self.out)
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, deadline):
        while b'\0' not in self.pending:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self.inp], [], [], left)[0]
            piece = os.read(self.inp, 1 << 20) if ready else b''
            if not piece:
                raise TimeoutError('the browser says nothing')
            self.pending += piece
        line, _, self.pending = self.pending.partition(b'\0')
        return json.loads(line)

    def ask(self, method, seconds=60, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.out, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + seconds
        while True:
            answer = self.read(deadline)
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError(answer['error'])
                return answer['result']
            self.events.append(answer)

    def open(self, path, seconds=60):
        """Until the page is loaded and its script has run."""
        self.events = []
        self.ask('Page.navigate', url='file://' + path)
        deadline = time.monotonic() + seconds
        while not self.seen('Page.loadEventFired'):
            self.events.append(self.read(deadline))

    def seen(self, method):
        return [e['params'] for e in self.events if e.get('method') == method]

    def run(self, expression):
        """The value of a JavaScript expression."""
        r = self.ask('Runtime.evaluate', expression=expression,
                     returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in r:
            raise RuntimeError(r['exceptionDetails'])
        return r['result'].get('value')
