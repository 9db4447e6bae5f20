#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what CPython makes of Bodies, for the tests of package body.

  generate.py golden > golden.json           the fixed cases (CPython 3.11 only)
  generate.py random --seed N --count N      random ones

Each case: body, args (absent: those of the whole file), calls (script and its arguments as text), and one of
result (json.dumps of what the Body returns), error (class and str of the
exception), syntax (message and the author's line). A Body is wrapped and run as
murano-agent 12.0.0 execution_plan_runner.py does.
"""
import argparse
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
import cases  # noqa: E402
import randomcases  # noqa: E402


class CustomException(Exception):
    pass


class TooLong(BaseException):
    pass


def too_long(signum, frame):
    raise TooLong()


class Bunch(dict):
    __getattr__ = dict.__getitem__


class FunctionRunner(object):
    def __init__(self, script):
        self._script = script

    def __call__(self, *args, **kwargs):
        return self._script(*args, **kwargs)


class ScriptRunner(object):
    """A script that notes its calls and answers what its name says."""

    def __init__(self, name, calls):
        self._name, self._calls = name, calls

    def __call__(self, *args, **kwargs):
        self._calls.append([self._name, [str(a) for a in args], {k: str(v) for k, v in kwargs.items()}])
        if self._name == 'broken':
            raise CustomException('Script broken returned error code')
        if self._name == 'silent':
            return Bunch(exitCode=0, stdout=None, stderr=None)
        return Bunch(exitCode=len(self._calls) - 1, stdout='out of %s' % self._name, stderr=None)

    def __getattr__(self, name):
        return FunctionRunner(self)


def unindent(script, initial_indent):
    lines = script.expandtabs(4).split('\n')
    min_indent = sys.maxsize
    for line in lines:
        indent = -1
        for i, c in enumerate(line):
            if c != ' ':
                indent = i
                break
        if 0 <= indent < min_indent:
            min_indent = indent
    return '\n'.join([' ' * initial_indent + line[min_indent:] for line in lines])


def wrap(body):
    return 'def __execution_plan_main():\n' + unindent(body, 4) + """
try:
    __execution_plan_result = __execution_plan_main()
except Exception as e:
    __execution_plan_exception = e
"""


def author_lines(message, last):
    """Line numbers inside a message are of the wrapped text: one further down,
    and past the end of the Body where the wrapper goes on."""
    return re.sub(r'line (\d+)', lambda m: 'line %d' % min(max(int(m.group(1)) - 1, 1), last), message)


def run(body, args):
    """The case of a Body, or None: a random program may run for ever, or grow;
    so may the text of what it raises. The bound is processor time: a busy
    machine gives the same cases."""
    try:
        signal.setitimer(signal.ITIMER_PROF, 2)
        try:
            return outcome(body, args)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except TooLong:
        return None


def outcome(body, args):
    calls = []
    case = {'body': body, 'args': args}
    scope = {name: ScriptRunner(name, calls) for name in ('deploy', 'silent', 'broken', 'str2')}
    scope['args'] = Bunch(json.loads(json.dumps(args)))
    try:
        try:
            code = compile(wrap(body), '<string>', 'exec')
        except SyntaxError as e:
            last = body.count('\n') + 1
            case['syntax'] = {'text': author_lines(e.msg, last), 'line': min((e.lineno or 1) - 1, last)}
            return case
        exec(code, scope)
        if '__execution_plan_exception' in scope:
            raise scope['__execution_plan_exception']
        case['result'] = json.dumps(scope['__execution_plan_result'], allow_nan=False)
    except TooLong:
        raise
    except BaseException as e:
        case['error'] = {'type': type(e).__name__, 'text': str(e)}
    case['calls'] = calls
    return case


def main():
    p = argparse.ArgumentParser()
    p.add_argument('what', choices=['golden', 'random'])
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--count', type=int, default=500)
    o = p.parse_args()
    if o.what == 'golden' and sys.version_info[:2] != (3, 11):
        sys.exit('golden.json is what CPython 3.11 says; this is %s' % sys.version)
    if o.what == 'golden':
        todo = cases.all_cases()
    else:
        todo = randomcases.make(random.Random(o.seed), o.count)
    out = []
    stdout, sys.stdout = sys.stdout, open(os.devnull, 'w')
    for body, args in todo:
        with tempfile.TemporaryDirectory() as d:
            os.chdir(d)
            case = run(body, args)
            os.chdir('/')
        if case is None:
            continue
        if args == cases.ARGS:
            del case['args']
        out.append(json.dumps(case))
    stdout.write('{"args": %s, "cases": [\n%s\n]}\n' % (json.dumps(cases.ARGS), ',\n'.join(out)))


if __name__ == '__main__':
    sys.setrecursionlimit(3000)
    signal.signal(signal.SIGPROF, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    import warnings
    warnings.simplefilter('ignore')
    main()
