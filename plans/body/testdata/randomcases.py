# SPDX-License-Identifier: Apache-2.0
"""Random Bodies: expressions of known types, and small programs of them."""

WORDS = ['', 'a', 'abc', 'Hello World', ' x y ', 'it\'s', '"q"', 'a,b,,c', '\n', 'tab\there', '\u0448\u0438\u0431', '\U0001f600', '42', '-7', '3.5', '0x1f',
         'k=v', '/usr/lib/x.so', '{}', '%s', '\\', '\x00', '\xdf\u0130', 'A1 b2', '  ', 'aXbXc']
METHODS = ['upper()', 'lower()', 'title()', 'capitalize()', 'swapcase()', 'strip()', 'lstrip()', 'rstrip()', 'split()', 'splitlines()', 'isdigit()',
           'isalpha()', 'isalnum()', 'isspace()', 'islower()', 'isupper()', 'istitle()', 'isidentifier()', 'casefold()', 'expandtabs()', 'isdecimal()',
           'isnumeric()', 'isprintable()', 'isascii()', 'encode().hex()', 'splitlines(True)', 'rsplit()']
METHODS1 = ['split', 'rsplit', 'strip', 'lstrip', 'rstrip', 'find', 'rfind', 'count', 'startswith', 'endswith', 'partition', 'rpartition', 'removeprefix',
            'removesuffix', 'index', 'join']


class Maker(object):
    def __init__(self, rnd):
        self.r = rnd

    def pick(self, *options):
        return self.r.choice(options)

    def integer(self, d):
        r = self.r
        if d <= 0:
            return str(r.choice([0, 1, -1, 2, 3, 7, -7, 10, 255, 1000, -12345, 2 ** 31, 2 ** 63, -2 ** 63, 10 ** 20, r.randint(-100, 100)]))
        return self.pick(
            lambda: '(%s %s %s)' % (self.integer(d - 1), r.choice(['+', '-', '*', '//', '%', '&', '|', '^']), self.integer(d - 1)),
            lambda: 'len(%s)' % self.text(d - 1), lambda: 'len(%s)' % self.list(d - 1), lambda: 'abs(%s)' % self.integer(d - 1),
            lambda: '(-%s)' % self.integer(d - 1), lambda: 'int(%s)' % self.text(0), lambda: 'int(%s)' % self.number(d - 1),
            lambda: '(%s ** %d)' % (self.integer(0), r.randint(0, 5)), lambda: 'args.n', lambda: 'round(%s)' % self.number(d - 1),
            lambda: 'max(%s, %s)' % (self.integer(d - 1), self.integer(d - 1)), lambda: 'round(%s, %d)' % (self.integer(0), r.randint(-3, 2)),
            lambda: '(%s %s %d)' % (self.integer(0), r.choice(['<<', '>>']), r.randint(0, 70)))()

    def number(self, d):
        r = self.r
        if d <= 0 or r.random() < 0.3:
            if r.random() < 0.4:
                return self.integer(0)
            f = r.choice([0.0, 1.5, -2.25, 1e16, 1e-5, 0.1, 1 / 3, 1e300, 123456.789, r.uniform(-1000, 1000), r.random() * 10 ** r.randint(-20, 20)])
            return '(%r)' % f
        return self.pick(
            lambda: '(%s %s %s)' % (self.number(d - 1), r.choice(['+', '-', '*', '/', '//', '%']), self.number(d - 1)),
            lambda: 'float(%s)' % self.integer(d - 1), lambda: 'round(%s, %d)' % (self.number(d - 1), r.randint(-3, 6)),
            lambda: 'abs(%s)' % self.number(d - 1), lambda: 'sum([%s, %s])' % (self.number(d - 1), self.number(d - 1)),
            lambda: 'min(%s, %s)' % (self.number(d - 1), self.number(d - 1)))()

    def text(self, d):
        r = self.r
        if d <= 0:
            return r.choice([repr(r.choice(WORDS)), 'args.x', 'args.u', 'args.s'])
        return self.pick(
            lambda: '(%s + %s)' % (self.text(d - 1), self.text(d - 1)), lambda: '(%s * %d)' % (self.text(d - 1), r.randint(-1, 4)),
            lambda: 'str(%s)' % self.any(d - 1), lambda: 'repr(%s)' % self.any(d - 1), lambda: '%s.upper()' % self.text(d - 1),
            lambda: '%s%s' % (self.text(d - 1), self.slice()), lambda: '%s.join(%s)' % (self.text(0), self.texts(d - 1)),
            lambda: '%s.replace(%s, %s)' % (self.text(d - 1), self.text(0), self.text(0)), lambda: self.format(d), lambda: self.percent(d), lambda: self.fstring(d),
            lambda: '%s.%s(%d, %r)' % (self.text(d - 1), r.choice(['center', 'ljust', 'rjust']), r.randint(-2, 12), r.choice('*0 \u0436')),
            lambda: '%s.zfill(%d)' % (self.text(d - 1), r.randint(-2, 12)), lambda: 'hex(%s)' % self.integer(d - 1), lambda: 'ascii(%s)' % self.text(d - 1))()

    def spec(self, kinds):
        r = self.r
        s = ''
        if r.random() < 0.4:
            s += (r.choice(['', '', '*', '0', '\u0436']) + r.choice('<>^='))
        s += r.choice(['', '', '', '+', '-', ' ']) + r.choice(['', '', '', '#']) + r.choice(['', '', '0'])
        s += r.choice(['', str(r.randint(0, 15))]) + r.choice(['', '', '', ',', '_']) + r.choice(['', '', '.%d' % r.randint(0, 8)]) + r.choice(kinds)
        return s

    def formatted(self, d):
        """A value with a format specification, mostly one that fits."""
        kind = self.r.randint(0, 3)
        if kind == 0:
            return self.integer(d - 1), self.spec(['', 'd', 'x', 'X', 'o', 'b', 'e', 'f', 'g', '%', 'n', 's'])
        if kind == 1:
            return self.number(d - 1), self.spec(['', 'e', 'E', 'f', 'F', 'g', 'G', '%', 'd'])
        if kind == 2:
            return self.text(d - 1), self.spec(['', 's', ''])
        return self.any(d - 1), self.r.choice(['', '', '>10'])

    def format(self, d):
        v, s = self.formatted(d)
        w, t = self.formatted(d)
        return '%r.format(%s, %s)' % ('{0%s:%s}|{1:%s}' % (self.r.choice(['', '', '!r', '!s', '!a']), s, t), v, w)

    def percent(self, d):
        r = self.r
        kind = r.choice('sradifxXeEgGo')
        v = self.number(d - 1) if kind in 'eEfgG' else self.integer(d - 1) if kind in 'dixXo' else self.any(d - 1)
        flags = ''.join(r.sample(['-', '+', ' ', '0', '#'], r.randint(0, 2)))
        return '(%r %% (%s,))' % ('<%' + flags + r.choice(['', str(r.randint(1, 14))]) + r.choice(['', '', '.%d' % r.randint(0, 7)]) + kind + '>', v)

    def fstring(self, d):
        v, s = self.formatted(1)
        if "'" in v + s or '"' in v + s or '\\' in v + s or '{' in v + s:
            v, s = 'args.n', '>6'
        return "f'a{%s%s:%s}b'" % (v, self.r.choice(['', '', '=']), s)

    def slice(self):
        r = self.r

        def part():
            return r.choice(['', '', str(r.randint(-6, 6))])
        return '[%s:%s%s]' % (part(), part(), r.choice(['', '', ':%d' % r.choice([1, 2, -1, -2, 3])]))

    def texts(self, d):
        return self.pick(lambda: '[%s, %s]' % (self.text(d - 1), self.text(d - 1)), lambda: '%s.split(%s)' % (self.text(d - 1), self.text(0)),
                         lambda: 'args.names', lambda: '[str(v) for v in %s]' % self.list(d - 1), lambda: 'sorted(%s)' % self.text(d - 1))()

    def list(self, d):
        r = self.r
        if d <= 0:
            return r.choice(['[]', '[1, 2, 3]', 'args.l', 'args.names', '[0.5, None]', 'list(range(%d))' % r.randint(0, 5)])
        return self.pick(
            lambda: '[%s]' % ', '.join(self.any(d - 1) for _ in range(r.randint(0, 4))), lambda: '(%s + %s)' % (self.list(d - 1), self.list(d - 1)),
            lambda: '%s%s' % (self.list(d - 1), self.slice()), lambda: '[(i, v) for i, v in enumerate(%s)]' % self.list(d - 1),
            lambda: 'list(zip(%s, %s))' % (self.list(d - 1), self.text(d - 1)), lambda: 'sorted(%s)' % self.list(d - 1), lambda: '(%s * %d)' % (self.list(d - 1), r.randint(0, 3)),
            lambda: 'list(reversed(%s))' % self.list(d - 1), lambda: '[v for v in %s if v]' % self.list(d - 1), lambda: 'list(%s)' % self.dict(d - 1),
            lambda: '%s.%s' % (self.text(d - 1), r.choice(['split()', 'splitlines()', 'rsplit(None, 1)', 'split(None, 1)'])), lambda: 'list(%s.items())' % self.dict(d - 1))()

    def dict(self, d):
        r = self.r
        if d <= 0:
            return r.choice(['{}', '{"a": 1}', 'args.d', '{1: 2, None: 3}'])
        return self.pick(
            lambda: '{%s}' % ', '.join('%s: %s' % (self.pick(lambda: self.text(0), lambda: self.integer(0), lambda: self.boolean(0), lambda: 'None')(), self.any(d - 1)) for _ in range(r.randint(0, 4))),
            lambda: '{k: v for k, v in %s.items()}' % self.dict(d - 1), lambda: 'dict(zip(%s, %s))' % (self.text(d - 1), self.list(d - 1)),
            lambda: '{**%s, **%s}' % (self.dict(d - 1), self.dict(d - 1)), lambda: '(%s | %s)' % (self.dict(d - 1), self.dict(d - 1)))()

    def boolean(self, d):
        r = self.r
        if d <= 0:
            return r.choice(['True', 'False', 'args.t'])
        return self.pick(
            lambda: '(%s %s %s)' % (self.number(d - 1), r.choice(['<', '<=', '==', '!=', '>', '>=']), self.number(d - 1)),
            lambda: '(%s %s %s)' % (self.text(d - 1), r.choice(['<', '<=', '==', '!=', '>', '>=', 'in', 'not in']), self.text(d - 1)),
            lambda: '(%s in %s)' % (self.any(d - 1), self.list(d - 1)), lambda: '(not %s)' % self.any(d - 1), lambda: 'bool(%s)' % self.any(d - 1),
            lambda: '(%s == %s)' % (self.any(d - 1), self.any(d - 1)), lambda: 'isinstance(%s, (int, str))' % self.any(d - 1), lambda: '(%s < %s)' % (self.list(d - 1), self.list(d - 1)))()

    def any(self, d):
        r = self.r
        if r.random() < 0.06:
            return 'None'
        if d > 0 and r.random() < 0.12:
            return self.pick(lambda: '%s.%s' % (self.text(d - 1), r.choice(METHODS)), lambda: '%s.%s(%s)' % (self.text(d - 1), r.choice(METHODS1), self.text(0)),
                             lambda: '(%s if %s else %s)' % (self.any(d - 1), self.boolean(d - 1), self.any(d - 1)), lambda: '(%s or %s)' % (self.any(d - 1), self.any(d - 1)),
                             lambda: '(%s and %s)' % (self.any(d - 1), self.any(d - 1)), lambda: 'deploy(%s).stdout' % self.any(d - 1), lambda: '%s[%s]' % (self.any(d - 1), self.any(0)),
                             lambda: '(%s + %s)' % (self.any(d - 1), self.any(d - 1)), lambda: 'max(%s)' % self.list(d - 1), lambda: 'tuple(%s)' % self.list(d - 1),
                             lambda: '%s.get(%s)' % (self.dict(d - 1), self.any(0)), lambda: 'divmod(%s, %s)' % (self.number(0), self.number(0)))()
        return self.pick(self.integer, self.number, self.text, self.list, self.dict, self.boolean)(d)

    def program(self):
        r = self.r
        names = ['a', 'b', 'c']
        lines = ['a = %s' % self.any(1), 'b = %s' % self.list(1), 'c = %s' % self.text(1)]

        def block(indent, depth):
            pad = ' ' * indent
            for _ in range(r.randint(1, 3)):
                kind = r.randint(0, 8 if depth else 4)
                n = r.choice(names)
                if kind == 0:
                    lines.append('%s%s = %s' % (pad, n, self.any(2)))
                elif kind == 1:
                    lines.append('%s%s %s %s' % (pad, n, r.choice(['+=', '-=', '*=']), r.choice([self.integer(0)[-2:].lstrip('0-+') or '3', 'args.x', '[1]', r.choice(names)]) if r.random() < 0.5 else '2'))
                elif kind == 2:
                    lines.append('%sdeploy(%s)' % (pad, r.choice(names + [self.text(2)])))
                elif kind == 3:
                    lines.append('%sb.append(%s)' % (pad, self.any(1)))
                elif kind == 4:
                    lines.append('%s%s = [%s, str(%s)]' % (pad, r.choice(names), r.choice(names), r.choice(names)))
                elif kind == 5:
                    lines.append('%sif %s:' % (pad, self.boolean(2)))
                    block(indent + 2, depth - 1)
                    if r.random() < 0.5:
                        lines.append('%selse:' % pad)
                        block(indent + 2, depth - 1)
                elif kind == 6:
                    lines.append('%sfor i in %s:' % (pad, self.pick(lambda: self.list(1), lambda: 'range(3)', lambda: self.text(0))()))
                    block(indent + 2, depth - 1)
                    if r.random() < 0.3:
                        lines.append('%s  if %s: break' % (pad, self.boolean(1)))
                elif kind == 7:
                    lines.append('%stry:' % pad)
                    block(indent + 2, depth - 1)
                    lines.append('%sexcept Exception as e:' % pad)
                    lines.append('%s  %s = str(e)' % (pad, r.choice(names)))
                else:
                    lines.append('%sdef f(v, w=%s):' % (pad, self.any(1)))
                    lines.append('%s  return [v, %s, w]' % (pad, self.any(1)))
                    lines.append('%sc = f(%s)' % (pad, self.any(1)))
        block(0, 2)
        lines.append('return [a, b, c]')
        indent = ' ' * r.choice([0, 0, 2, 4])
        return r.choice(['\n', '\n', '\r\n']).join(indent + line for line in lines)


def make(rnd, count):
    import cases
    m = Maker(rnd)
    for i in range(count):
        args = dict(cases.ARGS, n=rnd.randint(-20, 20), x=rnd.choice(WORDS))
        if i % 3 == 2:
            yield m.program(), args
        else:
            yield 'return ' + m.any(rnd.randint(1, 4)), args
