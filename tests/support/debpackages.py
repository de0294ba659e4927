# SPDX-License-Identifier: MIT
"""Programs of Debian packages that cannot be installed beside each other:
fetched by apt-get, unpacked into a folder, never installed.

    root = debpackages.unpacked('cyrus', PACKAGES)   # .../cyrus-1a2b3c4d

The folder lies below $MAILCONVOY_TEST_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/
mailconvoy-tests, else, for root, /var/cache/mailconvoy-tests (the home of root is
closed to the user nobody, as whom the servers run).  It is made once: the mark
.done in it is written last, and a lock lets one process at a time make it.

As a program, fetches what the foreign servers need: debpackages.py [NAME]...
"""
import contextlib
import fcntl
import glob
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest

FETCH_SECONDS = 300
not_to_be_had = {}  # name: why; asked for once a process


def cache_folder():
    given = os.environ.get('MAILCONVOY_TEST_CACHE')
    if given:
        return os.path.abspath(given)
    if os.environ.get('XDG_CACHE_HOME'):
        return os.path.join(os.environ['XDG_CACHE_HOME'], 'mailconvoy-tests')
    if os.getuid() == 0:
        return '/var/cache/mailconvoy-tests'
    return os.path.expanduser('~/.cache/mailconvoy-tests')


def skip(reason):
    print('SKIPPED: ' + reason, file=sys.stderr, flush=True)
    raise unittest.SkipTest(reason)


def run_as():
    """(uid, gid) foreign servers run as: nobody when root started us."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    entry = pwd.getpwnam('nobody')
    return entry.pw_uid, entry.pw_gid


def dropped():
    """What subprocess is told to give the root's rights away."""
    if os.getuid() != 0:
        return {}
    uid, gid = run_as()
    return {'user': uid, 'group': gid, 'extra_groups': []}


def run(command, seconds=60, **kwargs):
    """(status, output); a program that is not there is status 127."""
    try:
        done = subprocess.run(
            command, stdin=kwargs.pop('stdin', subprocess.DEVNULL),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
            text=True, errors='replace', **kwargs)
    except FileNotFoundError as e:
        return 127, str(e)
    except subprocess.TimeoutExpired:
        return 124, '%s: no end after %d s' % (command[0], seconds)
    return done.returncode, done.stdout


@contextlib.contextmanager
def locked(path):
    with open(path, 'w', encoding='ascii') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def unpacked(name, packages):
    """The folder with the packages' files; SkipTest when not to be had."""
    stamp = hashlib.sha256(' '.join(sorted(packages)).encode()).hexdigest()
    cache = cache_folder()
    root = '%s/%s-%s' % (cache, name, stamp[:8])
    if os.path.exists(root + '/.done'):
        return root
    if name in not_to_be_had:
        skip(not_to_be_had[name])
    try:
        os.makedirs(cache, mode=0o755, exist_ok=True)
        with locked('%s/%s.lock' % (cache, name)):
            if not os.path.exists(root + '/.done'):
                _make(name, root, packages)
    except OSError as e:
        skip('%s: no place to unpack it: %s' % (name, e))
    except unittest.SkipTest as e:
        not_to_be_had[name] = str(e)
        raise
    return root


def _make(name, root, packages):
    for program in ('apt-get', 'dpkg-deb'):
        if shutil.which(program) is None:
            skip('%s: %s is not here; its packages are Debian\'s'
                 % (name, program))
    shutil.rmtree(root, ignore_errors=True)
    fresh = tempfile.mkdtemp(prefix=name + '.', dir=os.path.dirname(root))
    try:
        debs = fresh + '/debs'
        os.mkdir(debs)
        _download(name, debs, packages)
        for deb in sorted(glob.glob(debs + '/*.deb')):
            status, output = run(['dpkg-deb', '-x', deb, fresh])
            if status != 0:
                skip('%s: cannot unpack %s: %s' % (name, deb, output))
        shutil.rmtree(debs)
        _merge_usr(fresh)
        os.chmod(fresh, 0o755)
        with open(fresh + '/.done', 'w', encoding='ascii') as f:
            f.write('\n'.join(packages) + '\n')
        os.rename(fresh, root)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _download(name, folder, packages):
    command = ['apt-get', '-q', '-o', 'APT::Sandbox::User=', '-o',
               'Acquire::Retries=2', 'download', *packages]
    status, output = run(command, FETCH_SECONDS, cwd=folder)
    if status != 0 and os.getuid() == 0:  # perhaps the lists are not there
        run(['apt-get', '-q', 'update'], FETCH_SECONDS)
        status, output = run(command, FETCH_SECONDS, cwd=folder)
    if status != 0:
        last = [line for line in output.splitlines() if line.strip()][-1:]
        skip('%s: its Debian packages are not to be had: %s'
             % (name, ' '.join(last)))


def _merge_usr(root):
    """lib/ into usr/lib/: laid over /usr it must not hide links of the host."""
    for old in ('lib', 'sbin', 'bin'):
        if os.path.isdir(root + '/' + old):
            shutil.copytree(root + '/' + old, root + '/usr/' + old,
                            symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root + '/' + old)


def library_path(root):
    return ':'.join(sorted(glob.glob(root + '/usr/lib/*-linux-gnu*')) +
                    [root + '/usr/lib'])


def need_libraries(name, root, programs):
    """SkipTest that names the shared libraries which are nowhere."""
    env = dict(os.environ, LD_LIBRARY_PATH=library_path(root))
    missing = set()
    for program in programs:
        _, output = run(['ldd', root + program], env=env)
        missing |= {line.split()[0] for line in output.splitlines()
                    if 'not found' in line}
    if missing:
        skip('%s: libraries not here: %s' % (name, ' '.join(sorted(missing))))


def need_namespaces(name):
    """SkipTest where a user may not make a file system of his own."""
    status, output = run(
        ['unshare', '--user', '--map-root-user', '--mount', '--pid', '--fork',
         '--kill-child', 'sh', '-c',
         'mount -t overlay overlay -o lowerdir=/etc:/usr /usr'],
        cwd='/', **dropped())
    if status != 0:
        skip('%s: this machine lets nobody have a namespace with an overlay '
             'of his own: %s' % (name, ' '.join(output.split()) or
                              'exit %d' % status))


def main():
    import courier
    import cyrus
    import mailutils
    modules = {m.__name__: m for m in (cyrus, courier, mailutils)}
    status = 0
    for name in sys.argv[1:] or sorted(modules):
        try:
            print(unpacked(name, modules[name].PACKAGES))
        except unittest.SkipTest:
            status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
