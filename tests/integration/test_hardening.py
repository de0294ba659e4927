# SPDX-License-Identifier: MIT
"""What the programs give up and keep to themselves: docs/SECURITY.md, line by
line."""
import os
import pwd
import re
import shutil
import stat
import subprocess
import unittest
import unittest.mock

import batch
import convoy
from convoy import PLAIN, Case
from dovecot import Dovecot, make_certificate
from scripted_server import MiniServer, ScriptedServer, stall

CONFIG = 78
SOMEBODY = 'nobody'
AS_ROOT = unittest.skipIf(os.getuid() != 0, 'only root can become another')


def status_of(pid):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f
                    if ':\t' in line)


def limits_of(pid):
    """{name: (soft, hard)}"""
    with open('/proc/%d/limits' % pid, encoding='ascii') as f:
        return {line[:26].strip(): tuple(line[26:].split()[:2])
                for line in f.readlines()[1:]}


def children(parent):
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                if int(status_of(int(name))['PPid']) == parent:
                    found.append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def descriptors(pid):
    folder = '/proc/%d/fd/' % pid
    found = {}
    for name in os.listdir(folder):
        try:
            found[int(name)] = os.readlink(folder + name)
        except FileNotFoundError:
            continue
    return found


@unittest.skipIf(shutil.which('readelf') is None, 'no readelf')
@unittest.skipUnless(convoy.BUILD.endswith('/release'),
                     'only release builds are hardened')
class Binaries(unittest.TestCase):
    def readelf(self, *options):
        return {p: subprocess.run(['readelf', '-W', *options, p], check=True,
                                  capture_output=True, text=True).stdout
                for p in (convoy.ENGINE, convoy.SUPERVISOR)}

    def test_position_independent(self):
        for path, text in self.readelf('-h').items():
            self.assertRegex(text, r'Type:\s+DYN', path)

    def test_read_only_relocations_and_no_code_on_the_stack(self):
        for path, text in self.readelf('-ld').items():
            self.assertIn('GNU_RELRO', text, path)
            self.assertRegex(text, r'BIND_NOW|Flags: .*NOW', path)
            stack = re.search(r'GNU_STACK.* (R\S*) ', text)
            self.assertNotIn('E', stack.group(1), path)

    def test_guarded_stacks_and_checked_copies(self):
        for path, text in self.readelf('--dyn-syms').items():
            self.assertIn('__stack_chk_fail', text, path)
            self.assertRegex(text, r'__\w+_chk@', path)


class Waiting(Case):
    """An engine before a server that says nothing."""

    def waiting(self, server, *options, **kwargs):
        before = server.connections
        process = self.start(
            *PLAIN, *options, '127.0.0.1:%d' % server.port, 'anna', 'pass',
            '127.0.0.1:%d' % server.port, 'bob', 'pass', **kwargs)
        self.assertTrue(server.wait_for_connections(before + 1))
        return process

    def test_f211_no_core_no_new_rights(self):
        with ScriptedServer([stall()], [stall()]) as server:
            process = self.waiting(server)
            self.assertEqual(('0', '0'),
                             limits_of(process.pid)['Max core file size'])
            self.assertLess(
                int(limits_of(process.pid)['Max open files'][1]), 1024)
            kernel = tuple(map(int, re.findall(r'\d+', os.uname().release)[:2]))
            if kernel >= (5, 13):
                self.assertIn(status_of(process.pid)['NoNewPrivs'], '01')

    def test_f209_passwords_among_the_arguments(self):
        with ScriptedServer([stall()]) as one, ScriptedServer([stall()]) as two:
            process = self.start(
                *PLAIN, '127.0.0.1:%d' % one.port, 'anna', convoy.CANARY + '1',
                '127.0.0.1:%d' % two.port, 'bob', convoy.CANARY + '2')
            for server in (one, two):
                self.assertTrue(server.wait_for_connections(1))
            with open('/proc/%d/cmdline' % process.pid, 'rb') as f:
                words = f.read()
            self.assertIn(b'anna', words)
            self.assertNotIn(convoy.CANARY[:4].encode(), words)

    def test_f214_closed_descriptors_are_filled(self):
        with ScriptedServer([stall()]) as one, ScriptedServer([stall()]) as two:
            process = subprocess.Popen(
                ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', convoy.ENGINE,
                 *PLAIN, '--logfile', 'log', '127.0.0.1:%d' % one.port, 'anna',
                 'pass', '127.0.0.1:%d' % two.port, 'bob', 'pass'],
                cwd=self.folder)
            self.addCleanup(convoy.end, process)
            for server in (one, two):
                self.assertTrue(server.wait_for_connections(1))
            found = descriptors(process.pid)
            self.assertEqual(['/dev/null'] * 3,
                             [found.get(n) for n in range(3)])

    def test_confined_unless_told_otherwise(self):
        with ScriptedServer([stall()], [stall()], [stall()],
                            [stall()]) as server:
            confined = self.waiting(server, '--verbose')
            free = self.waiting(server, '--verbose', '--noConfine')
            for process in (confined, free):
                process.kill()
            log = confined.communicate()[1]
            self.assertRegex(log, 'engine (not )?confined: ')
            self.assertNotIn('confined', free.communicate()[1])

    @AS_ROOT
    def test_f211_memory_is_not_for_others_of_that_user(self):
        entry = pwd.getpwnam(SOMEBODY)
        os.chmod(self.folder, 0o755)
        with ScriptedServer([stall()], [stall()]) as server:
            process = self.waiting(server, user=entry.pw_uid,
                                   group=entry.pw_gid, extra_groups=[])
            # what is dumpable belongs to its user, what is not to root
            self.assertEqual(
                0, os.stat('/proc/%d/mem' % process.pid).st_uid)


class Confined(Case):
    def test_certificates_in_one_of_several_folders(self):
        """SSL_CERT_DIR is a list."""
        convoy.need_dovecot()
        certificate = make_certificate(self.path('cert'))
        for name in ('empty', 'trusted', 'spool'):
            os.mkdir(self.path(name))
        shutil.copy(certificate[0], self.path('trusted'))
        subprocess.run(['openssl', 'rehash', self.path('trusted')], check=True)
        folders = self.path('empty') + ':' + self.path('trusted')
        with MiniServer(tls=True, certificate=certificate) as source, \
                MiniServer() as target, unittest.mock.patch.dict(
                    os.environ, TMPDIR=self.path('spool'),
                    SSL_CERT_DIR=folders):
            source.box('INBOX').add(b'Subject: a\r\n\r\nb\r\n')
            ended = self.engine(
                '--srcTLS', 'implicit', '--dstTLS', 'none',
                '127.0.0.1:%d' % source.port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass', code=0)
            self.assertEqual(1, ended.tally()['copied'])


class Files(Case):
    @classmethod
    def setUpClass(cls):
        convoy.need_dovecot()
        cls.source = Dovecot()
        cls.source.start()
        cls.addClassCleanup(cls.source.remove)
        convoy.fill(cls.source, messages=20, mailboxes=2)

    def addresses(self, target):
        return ('127.0.0.1:%d' % self.source.port, 'anna', 'pass',
                '127.0.0.1:%d' % target.port, 'anna', 'pass')

    def test_f213_modes_whatever_the_umask(self):
        with Dovecot() as target:
            old = os.umask(0)
            try:
                self.engine(*PLAIN, '--logfile', 'log', '--stateFile', 'state',
                            *self.addresses(target), code=0)
            finally:
                os.umask(old)
            for name in os.listdir(self.folder):
                if name.startswith(('log', 'state')):
                    mode = stat.S_IMODE(os.stat(self.path(name)).st_mode)
                    self.assertEqual(0o600, mode, name)

    def test_f214_standard_descriptors_are_closed(self):
        with Dovecot() as target:
            done = subprocess.run(
                ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', convoy.ENGINE,
                 *PLAIN, '--verbose', '--logfile', 'log',
                 *self.addresses(target)], cwd=self.folder,
                timeout=convoy.PATIENCE, check=False)
            self.assertEqual(0, done.returncode)
            self.assert_equal_accounts(self.source, target)
            with open(self.path('log'), encoding='utf-8') as f:
                for line in f:
                    self.assertRegex(line, r'^\d{4}-\d\d-\d\dT')

    def test_f203_no_link_is_followed(self):
        victim = self.write('victim', 'precious\n')
        os.symlink(victim, self.path('link'))
        for option in ('--logfile', '--stateFile'):
            with Dovecot() as target:
                self.engine(*PLAIN, option, 'link', *self.addresses(target))
            with open(victim, encoding='utf-8') as f:
                self.assertEqual('precious\n', f.read())


class Children(batch.Case):
    def test_f212_an_engine_has_its_own_descriptors_only(self):
        """Of real engines that run beside each other."""
        with ScriptedServer([stall()]) as one, ScriptedServer([stall()]) as two:
            text = (batch.PLAN % 4).replace('1143', str(one.port)).replace(
                '2143', str(two.port))
            self.write('plan.yaml', text + ''.join(
                '  - {id: %s, user: %s}\n' % (i, i) for i in 'abcd'))
            p = self.start('run', 'plan.yaml',
                           env={'MAILCONVOY_ENGINE': convoy.ENGINE})
            self.wait_running(4)
            self.assertTrue(two.wait_for_connections(4))
            engines = children(p.pid)
            self.assertEqual(4, len(engines))
            for pid in engines:
                self.look(pid)
            self.stop(p)

    def look(self, pid):
        with open('/proc/%d/cmdline' % pid, 'rb') as f:
            words = f.read().split(b'\0')
        log = os.path.basename(words[words.index(b'--logfile') + 1].decode())
        slug = log.split('.')[0]
        for number, what in descriptors(pid).items():
            if not what.startswith('/') or what.startswith(('/dev/', '/memfd')):
                continue
            known = self.folder in what and slug.rsplit('-', 1)[0] in what
            marker = '/mailconvoy' in what.rpartition(self.folder)[2] or \
                '/mailconvoy' in what
            self.assertTrue(known or marker, (pid, number, what))
        pipes = [w for w in descriptors(pid).values() if w.startswith('pipe')]
        self.assertLessEqual(len(pipes), 2, descriptors(pid))


@AS_ROOT
class User(batch.Case):
    """The plan's `user:`."""

    def setUp(self):
        super().setUp()
        self.entry = pwd.getpwnam(SOMEBODY)
        os.chmod(self.folder, 0o755)
        os.chmod(self.tmp, 0o777)

    def plan_of(self, user, *ids):
        path = self.accounts(*ids)
        with open(path, encoding='utf-8') as f:
            text = f.read().replace('name: demo', 'name: demo\nuser: ' + user)
        self.write('plan.yaml', text)
        os.chmod(path, 0o644)
        return path

    def give(self, name):
        os.chown(self.path(name), self.entry.pw_uid, self.entry.pw_gid)

    def test_root_becomes_the_user(self):
        self.plan_of(SOMEBODY, 'good', 'hang')
        self.give('secret')
        p = self.start('run', 'plan.yaml')
        self.wait_running(1)
        self.assertEqual(1, len(children(p.pid)))
        for pid in (p.pid, *children(p.pid)):
            status = status_of(pid)
            self.assertEqual([str(self.entry.pw_uid)] * 4,
                             status['Uid'].split())
            self.assertEqual([str(self.entry.pw_gid)] * 4,
                             status['Gid'].split())
            self.assertNotIn('0', status['Groups'].split())
        for root, dirs, files in os.walk(self.path('state')):
            for name in dirs + files:
                self.assertEqual(
                    self.entry.pw_uid,
                    os.lstat(os.path.join(root, name)).st_uid, name)
        self.stop(p)

    def test_folders_above_the_state(self):
        """What root makes there belongs to the user, too."""
        path = self.plan_of(SOMEBODY, 'ok')
        self.give('secret')
        with open(path, 'a', encoding='utf-8') as f:
            f.write('state_dir: made/for/this\n')
        self.good('run', 'plan.yaml')
        for name in ('made', 'made/for', 'made/for/this'):
            self.assertEqual(self.entry.pw_uid,
                             os.stat(self.path(name)).st_uid, name)
        self.assertEqual(0, os.stat(self.folder).st_uid)

    def test_a_warning_is_told_once(self):
        path = self.plan_of(SOMEBODY, 'ok')
        self.give('secret')
        with open(path, encoding='utf-8') as f:
            text = f.read().replace(
                'defaults:\n', 'defaults:\n  options: {skip_mailbox: [\u00fc]}\n')
        self.write('plan.yaml', text)
        os.chmod(path, 0o644)
        for verb in ('check', 'run'):
            code, out, err = self.mc(verb, 'plan.yaml')
            self.assertEqual((0, 1), (code, err.count('W0219')), out + err)

    def test_reports_are_not_roots(self):
        self.accounts('ok')
        self.good('run', 'plan.yaml')
        for root, folders, names in os.walk(self.path('state')):
            for name in folders + names:
                os.chown(os.path.join(root, name), self.entry.pw_uid,
                         self.entry.pw_gid)
        shutil.rmtree(self.run_path('report/users'))
        code, out, err = self.mc('report', self.runs()[-1])
        self.assertEqual(73, code, out + err)
        self.assertIn('belongs to another user', err)
        self.assertFalse(os.path.exists(self.run_path('report/users')))
        self.good('report', self.runs()[-1], '--html', 'page.html')

    def test_secrets_of_root_are_told_of_before_anything_starts(self):
        self.plan_of(SOMEBODY, 'good')
        code, out, err = self.mc('run', 'plan.yaml')
        self.assertEqual(CONFIG, code, out + err)
        self.assertIn('secret', err)
        self.assertEqual([], self.runs())

    def test_users_that_cannot_be(self):
        for user, words in (('no-such-user', 'there is no'),
                            ('root', 'leave the key out')):
            with self.subTest(user=user):
                self.plan_of(user, 'good')
                code, out, err = self.mc('run', 'plan.yaml')
                self.assertEqual(CONFIG, code, out + err)
                self.assertIn(words, err)

    def test_somebody_else_is_refused(self):
        self.plan_of('daemon', 'good')
        self.give('secret')
        code, out, err = self.mc('run', 'plan.yaml', user=self.entry.pw_uid,
                                 group=self.entry.pw_gid, extra_groups=[])
        self.assertEqual(CONFIG, code, out + err)
        self.assertIn("this plan is for 'daemon'", err)
        os.chown(self.folder, self.entry.pw_uid, self.entry.pw_gid)
        for words in (('check', '--connect'), ('preview',), ('verify',)):
            code, out, err = self.mc(
                words[0], 'plan.yaml', *words[1:], user=self.entry.pw_uid,
                group=self.entry.pw_gid, extra_groups=[])
            self.assertEqual(CONFIG, code, out + err)
            self.assertIn("this plan is for 'daemon'", err)
        self.assertFalse(os.path.exists(self.path('state')))


if __name__ == '__main__':
    unittest.main()
