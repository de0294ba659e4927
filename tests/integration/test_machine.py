# SPDX-License-Identifier: MIT
"""The machine under the programs: arguments, clocks, signals, files that are not
what they seem."""
import glob
import os
import re
import signal
import subprocess
import time
import unittest

import batch
import convoy
from convoy import PLAIN, Case, wait_until
from scripted_server import MiniServer

USAGE, LOCAL = 64, 74


def letter(n):
    return b'Message-ID: <m%d@example.org>\r\nSubject: %d\r\n\r\n%d\r\n' % (
        n, n, n)


def children(process):
    found = []
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, 'rb') as f:
                fields = f.read().rsplit(b')', 1)[1].split()
        except OSError:
            continue  # it has ended
        if int(fields[1]) == process.pid:
            found.append(int(path.split('/')[2]))
    return found


class EngineCase(Case):
    def servers(self, count=3, **kwargs):
        both = MiniServer(**kwargs), MiniServer(
            user=kwargs.get('user', 'anna'))
        for server in both:
            self.addCleanup(server.stop)
        for n in range(count):
            both[0].box('INBOX').add(letter(n))
        return both

    def addresses(self, source, target):
        return ('127.0.0.1:%d' % source.port, source.user, 'pass',
                '127.0.0.1:%d' % target.port, target.user, 'pass')

    def assert_copied(self, source, target):
        self.assertEqual(source.contents(), target.contents())


class Arguments(EngineCase):
    def test_f149_f150_what_is_wrong_is_told_and_nothing_is_contacted(self):
        source, target = self.servers()
        good = self.addresses(source, target)
        numbers = ('0', '-1', '10x', '', ' 1', '1e3', '99999999999999999999',
                   '18446744073709551617')
        bad = [('--timeout', n) for n in numbers]
        bad += [('--queueMax', n) for n in numbers]
        bad += [('--queueSizeMax', n) for n in numbers + ('17592186044417',)]
        bad += [('--mode', 'syncAll'), ('--mode', ''), ('--mode',),
                ('--fetchMax',), ('--flx', '1'), ('--maxDelete', '101%'),
                ('--list',), ('--longLines', 'cut'), ('--jobFd', 'x')]
        for options in bad:
            with self.subTest(options=options):
                ended = self.engine(*options, *(
                    good if len(options) == 2 else ()), code=USAGE)
                self.assertTrue(ended.log.startswith('syncIMAPMail: '))
                self.assertEqual(1, ended.log.count('\n'))
        for host in ('127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:',
                     '127.0.0.1:x', '', ':143', '[::1', '[::1]143',
                     '[]:143', '-x', 'imap://'):
            with self.subTest(host=host):
                ended = self.engine(*PLAIN, host, *good[1:], code=USAGE)
                self.assertEqual(1, ended.log.count('\n'))
        for arguments in (good[:5], good + ('more',), ()):
            self.engine(*PLAIN, *arguments, code=USAGE)
        self.assertEqual((0, 0), (source.connections, target.connections))

    def test_f150_a_queue_below_a_batch_takes_no_harm(self):
        source, target = self.servers(60)
        self.engine(*PLAIN, '--queueMax', 1, '--fetchMax', 50,
                    *self.addresses(source, target), code=0)
        self.assert_copied(source, target)

    def test_f151_any_bytes_and_very_long_ones(self):
        source, target = self.servers()
        odd = b'\xff\xfe\xc3(\x1b[31m'
        for name in (odd, b'x' * 100000):
            with self.subTest(size=len(name)):
                done = subprocess.run(
                    [convoy.ENGINE, *PLAIN, '--skipMailbox', name,
                     '--account', odd, '--source', '',
                     *self.addresses(source, target)],
                    stdin=subprocess.DEVNULL, capture_output=True,
                    cwd=self.folder, timeout=convoy.PATIENCE)
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertNotIn(b'\x1b', done.stderr)
                done.stderr.decode('utf-8')  # it can be read
        self.assert_copied(source, target)
        done = subprocess.run(
            [convoy.ENGINE, *PLAIN, '127.0.0.1:%d' % source.port, odd, 'pass',
             '127.0.0.1:%d' % target.port, b'y' * 100000, 'pass'],
            stdin=subprocess.DEVNULL, capture_output=True, cwd=self.folder,
            timeout=convoy.PATIENCE)
        self.assertEqual(77, done.returncode, done.stderr[:2000])
        self.assertNotIn(b'\x1b', done.stderr)
        done.stderr.decode('utf-8')


class Files(EngineCase):
    def test_f202_a_log_that_is_no_file_of_ours(self):
        source, target = self.servers()
        self.write('mine', 'kept\n')
        os.symlink('mine', self.path('link'))
        os.symlink('nowhere', self.path('dangling'))
        os.link(self.path('mine'), self.path('hard'))
        os.mkfifo(self.path('fifo'))
        os.mkdir(self.path('folder'))
        for name in ('link', 'dangling', 'mine', 'hard', 'fifo', 'folder',
                     '/dev/null', '/dev/full', '/dev/tty'):
            with self.subTest(name=name):
                ended = self.engine(*PLAIN, '--logfile', name,
                                    *self.addresses(source, target),
                                    code=LOCAL)
                self.assertIn(name, ended.log)
        with open(self.path('mine'), encoding='ascii') as f:
            self.assertEqual('kept\n', f.read())
        self.assertEqual(0, source.connections + target.connections)
        self.assertFalse(os.path.exists(self.path('nowhere')))

    def test_f204_names_become_no_paths_and_no_commands(self):
        evil = ('../../evil', '$(touch evil)', '`touch evil`',
                'a; touch evil', '-rf', '| touch evil', "'; touch evil; '",
                '/etc/evil', '~/evil', '%s%n', 'a&&touch evil', '..', '.')
        for user in ('../$(touch evil)', '`touch evil`;', '/tmp/evil'):
            source, target = self.servers(0, user=user)
            for n, name in enumerate(evil):
                source.box(name.encode()).add(letter(n))
            ended = self.engine(
                *PLAIN, '--verbose', '--logfile', 'log', '--stateFile',
                'state', '--account', user,
                *self.addresses(source, target))
            self.assertIn(ended.code, (0, 1), ended.log)
            self.assertGreater(sum(
                len(box) for box in target.contents().values()), 6)
            found = {os.path.relpath(os.path.join(base, name), self.folder)
                     for base, dirs, names in os.walk(self.folder)
                     for name in dirs + names}
            self.assertEqual(set(), {
                name for name in found if name != 'log' and
                not name.startswith(('state', 'runtime'))})
            self.assertFalse(glob.glob('/tmp/evil*') +
                             glob.glob('/etc/evil*'))
            for name in ('log', 'state'):
                os.unlink(self.path(name))


JUMP = r'''
// SPDX-License-Identifier: MIT
// A wall clock that is somewhere else at every look.
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long jump(void)
{
	static const long long to[] = {0, 3600, -3600, -1700000000LL, 1,
	    400000000LL, 5000000000LL, -7200};
	static unsigned n;

	return to[__atomic_fetch_add(&n, 1, __ATOMIC_RELAXED) % 8];
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += jump();
	return rc;
}

time_t time(time_t *out)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}
'''


def clock_library(case):
    if os.path.basename(convoy.BUILD) in ('asan', 'tsan'):
        raise unittest.SkipTest('a sanitizer must be loaded first')
    path = case.path('jump')
    with open(path + '.c', 'w', encoding='ascii') as f:
        f.write(JUMP)
    subprocess.run([os.environ.get('CC', 'cc').split()[-1], '-shared',
                    '-fPIC', '-D_GNU_SOURCE', '-o', path + '.so',
                    path + '.c'], check=True)
    return path + '.so'


class EngineClock(EngineCase):
    def test_f196_the_clock_on_the_wall_jumps(self):
        """No deadline strikes, nothing takes less than no time, logs say
        UTC."""
        library = clock_library(self)
        source, target = self.servers(20)
        for options in ((), ('--noThreads',), ('--stateFile', 'state')):
            process = self.start(
                *PLAIN, *options, '--timeout', 60,
                *self.addresses(source, target),
                env=dict(os.environ, LD_PRELOAD=library, TZ='Asia/Tokyo'))
            _, log = process.communicate(timeout=convoy.PATIENCE)
            self.assertEqual(0, process.returncode, log)
            self.assertRegex(log, r'ended after \d+\.\d+ s: ok')
            years = {int(line[:4]) for line in log.splitlines()}
            self.assertGreater(len(years), 2)
            for line in log.splitlines():
                self.assertRegex(line, r'^\d{4}-\d\d-\d\dT[\d:.]+Z ')
        self.assert_copied(source, target)


class BatchClock(batch.Case):
    def test_f196_the_clock_on_the_wall_jumps(self):
        library = clock_library(self)
        self.accounts('ok.1', 'slow.2', 'code77.3', 'once.4')
        rc, _, err = self.mc('run', 'plan.yaml',
                             env={'LD_PRELOAD': library, 'TZ': 'Asia/Tokyo'})
        self.assertEqual(1, rc, err)
        ends = self.lines('account.end')
        self.assertEqual({'ok.1': 'ok', 'slow.2': 'ok', 'code77.3': 'auth',
                          'once.4': 'ok'},
                         {e['id']: e['outcome'] for e in ends})
        for line in self.journal():
            for key, value in line.items():
                if key.endswith('_ms'):
                    self.assertGreaterEqual(value, 0, line)
        self.assertNotIn('seconds=-', err)
        text = self.good('status') + self.good('status', '-o', 'json')
        self.assertNotRegex(text, r'-\d+ ?(s|min|h|d)\b')

    def test_f197_locales_change_nothing(self):
        names = subprocess.run(['locale', '-a'], capture_output=True,
                               text=True, check=True).stdout.split()
        wanted = [n for n in names if re.match('(de_DE|tr_TR|fa_IR)', n)]
        self.accounts('ok.1', 'refused.2')
        self.good('run', 'plan.yaml', code=1)

        def seen(**env):
            return [self.good('status', '-o', o, env=env)
                    for o in ('table', 'json', 'csv')] + [
                self.good('report', 'plan.yaml', '--user', 'refused.2',
                          env=env)]
        first = seen(LC_ALL='C.UTF-8')
        for name in wanted + ['tr_TR.UTF-8', 'de_DE.UTF-8', 'no_such']:
            self.assertEqual(first, seen(LC_ALL=name, LANG=name), name)


class EngineStopped(EngineCase):
    def test_f179_an_engine_is_stopped_for_a_while(self):
        """What came meanwhile is read before a deadline is judged."""
        both = []
        for options in ((), ('--noThreads',)):
            source, target = self.servers(400)
            p = self.start(*PLAIN, *options, '--timeout', 6, '--storeMax', 1,
                           *self.addresses(source, target))
            wait_until(lambda t=target: t.count('APPEND'), 'messages')
            p.send_signal(signal.SIGSTOP)
            both.append((source, target, p))
        time.sleep(7)  # what is tested is the time that passes
        for source, target, p in both:
            p.send_signal(signal.SIGCONT)
            _, log = p.communicate(timeout=convoy.PATIENCE)
            self.assertEqual(0, p.returncode, log)
            self.assertNotIn('no answer', log)
            self.assertEqual((1, 1), (source.connections,
                                      target.connections))
            self.assert_copied(source, target)


class Stopped(batch.Case):
    """Processes that are stopped, and go on later."""

    def test_f179_all_of_it_is_stopped_for_a_while(self):
        """As a frozen container, longer than any engine may be silent: the
        engines get a chance to say something."""
        self.accounts('pour.1', 'pour.2', 'pour.3')
        p = self.start('run', 'plan.yaml', env={'MAILCONVOY_STALL_MS': '4000'})
        self.wait_running(3)
        engines = children(p)
        self.assertEqual(3, len(engines))
        for pid in [p.pid] + engines:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(6)  # what is tested is the time that passes
        os.kill(p.pid, signal.SIGCONT)
        time.sleep(0.5)
        for pid in engines:
            os.kill(pid, signal.SIGCONT)
        time.sleep(1.5)  # three engines had their time to speak
        self.assertEqual([], self.lines('account.end'))
        self.stop(p)
        self.assertEqual({'interrupted'}, {
            e['outcome'] for e in self.lines('account.end')})


class Signals(batch.Case):
    def test_f176_quit(self):
        """Ends at once, as a crash would; nothing is lost, nothing stays."""
        self.accounts('wait.1', 'ok.2', jobs=1)
        p = self.start('run', 'plan.yaml', preexec_fn=lambda: signal.signal(
            signal.SIGQUIT, signal.SIG_DFL))
        self.wait_running(1)
        engines = children(p)
        p.send_signal(signal.SIGQUIT)
        p.communicate(timeout=20)
        self.assertNotEqual(0, p.returncode)
        for pid in engines:
            wait_until(lambda pid=pid: not os.path.exists('/proc/%d' % pid),
                       'the engine to end')
        self.assertEqual([], glob.glob(self.path('*core*')))
        self.assertIn('interrupted', self.good('status', '-o', 'json'))

    def test_f177_standard_output_is_gone(self):
        self.accounts('ok.1', 'longer.2', 'refused.3')
        for target in ('/dev/full', 'closed'):
            with self.subTest(target=target):
                if target == 'closed':
                    r, w = os.pipe()
                    os.close(r)
                else:
                    w = os.open(target, os.O_WRONLY)
                p = self.start('run', 'plan.yaml', '--new-run', stdout=w,
                               stderr=w)
                os.close(w)
                self.assertEqual(1, p.wait(60))
                self.assertEqual(1, self.lines('run.end')[0]['exit'])
                self.assertEqual(3, len(self.lines('account.end')))
                self.assertTrue(os.path.exists(self.run_path(
                    'report/report.jsonl.gz')))

    def test_f177_the_terminal_is_closed(self):
        """HUP reads the limits again; without a reader nothing spins."""
        self.accounts('longer.1', 'longer.2', jobs=1)
        r, w = os.pipe()
        p = self.start('run', 'plan.yaml', stdout=w, stderr=w)
        os.close(w)
        self.wait_running(1)
        os.close(r)
        p.send_signal(signal.SIGHUP)
        # 74: the summary could not be written
        self.assertIn(p.wait(60), (0, LOCAL))
        self.assertEqual(0, self.lines('run.end')[0]['exit'])
        with open(self.run_path('journal.jsonl'), encoding='utf-8') as f:
            self.assertLess(len(f.readlines()), 40)


class Reports(batch.Case):
    def test_f202_a_report_goes_to_plain_files_only(self):
        """To rename over a device would end it for everybody."""
        self.accounts('ok.1')
        self.good('run', 'plan.yaml')
        self.write('mine', 'kept\n')
        os.symlink('mine', self.path('link'))
        os.mkfifo(self.path('fifo'))
        os.mkdir(self.path('folder'))
        before = sorted(os.listdir(self.folder))
        for option in ('--jsonl', '--csv', '--html', '--todo'):
            for name in ('link', 'fifo', 'folder'):
                with self.subTest(option=option, name=name):
                    mode = os.lstat(self.path(name)).st_mode
                    rc, _, err = self.mc('report', 'plan.yaml', option, name)
                    self.assertEqual(73, rc, err)
                    self.assertIn("'%s'" % name, err)
                    self.assertEqual(mode, os.lstat(self.path(name)).st_mode)
        with open(self.path('mine'), encoding='ascii') as f:
            self.assertEqual('kept\n', f.read())
        self.assertEqual(before, sorted(os.listdir(self.folder)))


class Resume(batch.Case):
    def rewrite(self, change):
        path = self.run_path('journal.jsonl')
        with open(path, encoding='utf-8') as f:
            text = change(f.read())
        self.write(os.path.relpath(path, self.folder), text)
        return path, text

    def test_f159_of_a_newer_version(self):
        self.accounts('ok.1', 'code77.2')
        self.good('run', 'plan.yaml', code=1)
        path, text = self.rewrite(lambda t: t.replace('"v":1', '"v":2'))
        for verb in ('resume', 'run', 'status'):
            rc, _, err = self.mc(verb, 'plan.yaml')
            self.assertEqual(LOCAL, rc, err)
            self.assertIn('journal', err)
            with open(path, encoding='utf-8') as f:
                self.assertEqual(text, f.read())

    def test_f159_without_one_and_of_another_plan(self):
        self.accounts('ok.1')
        self.assertEqual(66, self.mc('resume', 'plan.yaml')[0])
        self.assertFalse(os.path.exists(self.path('state/demo/runs')))
        self.good('run', 'plan.yaml')
        # the run of another plan under this one's name
        os.rename(self.path('state/demo'), self.path('state/other'))
        with open(self.accounts('ok.1', 'ok.2', name='other.yaml'),
                  encoding='utf-8') as f:
            text = f.read()
        self.write('other.yaml', text.replace('name: demo', 'name: other')
                   .replace('port: 2143', 'port: 2144'))
        before = glob.glob(self.path('state/other/runs/*'))
        rc, out, err = self.mc('resume', 'other.yaml')
        # known by what they are: another target is another account
        self.assertEqual(0, rc, out + err)
        self.assertIn('account=ok.1 has other settings', err)
        self.assertEqual(before, glob.glob(self.path('state/other/runs/*')))


if __name__ == '__main__':
    unittest.main()
