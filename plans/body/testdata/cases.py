# SPDX-License-Identifier: Apache-2.0
"""The fixed cases: expressions, Bodies, and Bodies that are not Python."""

ARGS = {
    'x': 'y', 'n': 5, 'neg': -7, 'f': 1.5, 't': True, 'no': None, 'l': [1, 'a', None, 2.0], 's': 'a b  c',
    'd': {'k': 'v', 'n': {'m': [1, {'z': 'deep'}]}}, 'u': '\u043e\u0448\u0438\u0431\u043a\u0430', 'emoji': '\U0001f600x', 'q': "it's \"q\"",
    'big': 2 ** 80, 'empty': '', 'keys': 'hidden', 'path': '/var/lib/app', 'names': ['web', 'db', 'cache'], 'lone': '\ud800z',
}

# One expression a line; each becomes `return <expression>`.
EXPRESSIONS = r'''
1
-7
1.5
2.0
1e300*10
1e16
1e15
123456789012345678
1e-4
1e-5
0.1+0.2
1/3
2**80
-2**63
2**63
2**63-1
-(2**63)
9223372036854775807+1
-9223372036854775808-1
-9223372036854775807*2
4611686018427387904*2
3037000500*3037000500
10**20//3
-10**20//3
10**20%-7
7//2
-7//2
7//-2
-7//-2
7%3
-7%3
7%-3
-7%-3
7.5//2
-7.5//2
7.5%2
-7.5%2
-7.5%-2
5.0%-3
0.0//1
-0.0
0.0
-0.0+0
1e308*10
-1e308*10
float("nan")
[float("nan")]
2**0.5
2**-1
(-8)**3
0**0
0.0**0
2**10
True+True
True*3
~5
-True
+True
5&3
5|3
5^3
True&False
True|2
1<<70
1<<0
-1>>3
1024>>3
3<<2
not 0
not ""
not [0]
1 and 2
0 and 2
0 or "x"
None or 0
1 if args.n > 3 else 2
1 if [] else 2
1 < 2 < 3
1 < 3 < 2
1 == 1.0 == True
"a" < "b"
"a" < "B"
[1,2] < [1,3]
[1,2] < [1,2,0]
(1,"a") < (1,"b")
1 in [1,2]
3 not in [1,2]
"b" in "abc"
"" in ""
"k" in args.d
None is None
1 is not None
True is True
args.x is None
1 != 2
1 == "1"
[1] == [1.0]
{"a":1} == {"a":True}
(1,) == [1]
None == 0
"a" == b"a"
(1,2)
()
(1,)
[]
{}
[1,"two",3.0,None,True]
{"a":1,"b":[1,2],"c":{"d":None}}
{1:"a",True:"b",1.0:"c"}
{1:2,None:3,True:4,2.5:5}
{2**70:1}
{(1,2):3}
{"a":1,**{"b":2,"a":3}}
[*[1,2],*(3,4)]
(*"ab","c")
{**args.d}["k"]
str([1,'a',"it's",'say "x"','both \' "',None,True,1.0,(1,),{},{'a':[1]}])
str({'a':1,'b':{'c':[1,2,'x']}})
str({1:'a',(1,2):'b',None:True})
str((1,))
str(())
str(args.l)
str(args.d)
repr('a\nb\tc\rd\\e')
repr('\x00\x01\x1f\x7f\x80\xa0\xad')
repr('\u0430\u4e2d\u200b\u2028\ue000\U0001f600')
repr('\ud800')
repr("it's")
repr('say "hi"')
repr('it\'s "both"')
repr('')
repr(b'abc\x00\xff\'"\n')
repr(b"it's")
repr(1e22)
repr(1e21)
repr(123456.789e3)
repr(1.0)
repr(5e-324)
repr(1.7976931348623157e308)
repr(0.1)
repr(100000000000000000000.0)
repr(1234567890123456.0)
repr(12345678901234567.0)
repr(0.0001)
repr(0.00001)
repr(-0.0)
repr(float('inf'))
repr(-float('inf'))
repr(float('nan'))
repr(range(5))
repr(range(1,5))
repr(range(0,10,2))
repr({1})
repr(set())
repr(frozenset())
repr(frozenset([1]))
repr({1,2,3})
repr(None)
repr(...)
repr(int)
repr(ValueError)
repr(ValueError('a'))
repr(ValueError('a',2))
repr(ValueError())
repr(KeyError('k'))
repr({}.keys())
repr({'a':1}.items())
repr({'a':1}.values())
ascii('\u0430\U0001f600a')
str(True)
str(None)
str(1.0)
str(b'ab')
str()
str('x')
str(12345678901234567890)
str(KeyError('k'))
str(KeyError('a','b'))
str(ValueError('a'))
str(Exception('a',2))
str(Exception())
int('12')
int(' -12 ')
int('+5')
int('1_000')
int('0x1f',16)
int('1f',16)
int('0b101',0)
int('0o17',0)
int('0x1F',0)
int('z',36)
int(3.9)
int(-3.9)
int(True)
int()
int('\u0661\u0662')
int(1e20)
int('12a')
int('')
int('1.5')
int('_1')
int('1__0')
int(None)
int([])
int('5',1)
int('9',8)
int("it's")
int(float('nan'))
int(float('inf'))
int(b'12')
float('1.5')
float('  1e5 ')
float('inf')
float('-Infinity')
float('1_0.5')
float(2**60)
float('abc')
float('')
float(None)
float('1e400')
float()
float('.5')
float('5.')
float('0x10')
bool('')
bool('a')
bool([])
bool()
bool(0.0)
abs(-5)
abs(-1.5)
abs(True)
abs('a')
round(2.5)
round(3.5)
round(-2.5)
round(2.675,2)
round(1.005,2)
round(1234.5678,-2)
round(15,-1)
round(25,-1)
round(-25,-1)
round(5)
round(1.5,None)
round(2.5,0)
round(0.5)
round(1e20)
round('a')
round(1e300,2)
round(-0.4)
round(123456789.987654321,5)
divmod(7,2)
divmod(-7,2)
divmod(7.5,2)
divmod(1,0)
pow(2,10)
pow(2,-1)
pow(2,10,1000)
pow(3,-1,7)
pow(2,5,0)
min(1,2)
max([1,5,3])
max('a','b')
min([],default=7)
max([])
max(1,'a')
min('abc')
max([1,2,3],key=lambda v:-v)
max({'a':1,'b':2})
min(1)
max()
sum([1,2,3])
sum([0.1]*10)
sum([1,2.5])
sum([[1],[2]],[])
sum(['a'])
sum([],5)
sum('ab')
sum(range(10))
len('abc')
len('\U0001f600')
len([1,2])
len({})
len(5)
len()
len(1,2)
len(None)
len(b'abc')
len(range(0,10,3))
sorted([3,1,2])
sorted('hello')
sorted([3,1,2],reverse=True)
sorted(['b','A','c'],key=str.lower)
sorted(['bb','a'],key=len)
sorted({'b':1,'a':2})
sorted([1,'a'])
sorted([(1,'b'),(1,'a'),(0,'z')])
sorted([[2],[1,2]])
sorted([1.5,1,True])
sorted(5)
sorted([None,None])
list('abc')
list(range(5))
list(range(5,0,-2))
list({'a':1,'b':2})
list({'a':1}.items())
list(5)
list()
tuple([1,2])
tuple('ab')
dict([('a',1),('b',2)])
dict(a=1,b=2)
dict({'a':1},b=2)
dict([1])
dict([(1,2,3)])
dict(5)
dict(zip('ab',[1,2]))
list(zip([1,2,3],'ab'))
list(zip())
list(zip([1],strict=True))
list(zip([1,2],[1],strict=True))
list(zip([1],[1,2],strict=True))
list(enumerate('ab'))
list(enumerate('ab',1))
list(enumerate('ab',start=5))
list(map(str,[1,2]))
list(map(lambda a,b:a+b,[1,2],[10,20]))
list(map(int,'12'))
list(filter(None,[0,1,'',2]))
list(filter(lambda v:v>1,[1,2,3]))
list(reversed([1,2,3]))
list(reversed('abc'))
list(reversed(range(3)))
list(reversed({'a':1,'b':2}))
reversed(5)
any([0,1])
all([])
all([1,0])
any(v>2 for v in [1,2,3])
sorted(set([3,1,2,3]))
sorted({1,2}|{3})
sorted({1,2}&{2,3})
sorted({1,2}-{2})
sorted({1,2}^{2,3})
{1,2}<={1,2,3}
{1}.issubset([1,2])
{1,2}.isdisjoint({3})
{1,2}=={2,1}
sorted(set('hello'))
set([[]])
{[]:1}
{}[[]]
{1,2,3}
b'abc'
len
deploy
lambda:1
range(3)
ord('a')
ord('\U0001f600')
ord('ab')
ord(5)
chr(97)
chr(0x1f600)
chr(-1)
chr(0x110000)
hex(255)
hex(-255)
oct(8)
bin(5)
bin(-5)
hex(1.5)
callable(len)
callable(5)
isinstance(1,int)
isinstance(True,int)
isinstance(1,(str,int))
isinstance('a',str)
isinstance([],list)
isinstance(args,dict)
isinstance(1,5)
issubclass(KeyError,LookupError)
type(1).__name__
type('').__name__
type(None).__name__
type(1.0).__name__
type([]).__name__
type({}).__name__
type(b'').__name__
type(len).__name__
type(KeyError()).__name__
type(1) == int
type('a') is str
getattr('a','upper')()
getattr('a','nope','d')
getattr('a','nope')
hasattr('a','upper')
hasattr('a','nope')
next(iter([1,2]))
next(iter([]),'end')
next(iter([]))
next([1])
iter(5)
format(5,'05d')
format('a','>5')
format(5)
format(None)
print('a',1,sep='-',end='')
print()
'abc'[0]
'abc'[-1]
'abc'[3]
'abc'['a']
'abc'[1.0]
'\u043e\u0448\u0438'[1]
'\U0001f600x'[1]
'\U0001f600x'[::-1]
'abcdef'[1:3]
'abcdef'[-3:]
'abcdef'[:-2]
'abcdef'[::2]
'abcdef'[::-1]
'abcdef'[5:1:-2]
'abcdef'[10:]
'abcdef'[-10:3]
'abcdef'[4:2]
'abcdef'[::0]
'abcdef'['a':]
[1,2,3][1]
[1,2,3][-1]
[1,2,3][5]
[1,2,3]['a']
[1,2,3][::-1]
[1,2,3][1:]
[1,2,3][-2:]
(1,2,3)[0]
(1,2,3)[5]
(1,2,3)[1:2]
range(10)[3]
list(range(10)[2:8:2])
list(range(10)[::-1])
range(3)[5]
b'abc'[0]
b'abc'[1:]
{}['zz']
{}[1]
{'a':1}['a']
{'a':1}[None]
5[0]
None[0]
None['a']
(lambda:1)[0]
len[0]
'a'+'b'
'a'+1
1+'a'
'a'*3
3*'a'
'a'*-1
'a'*'b'
'a'*1.5
[1]*2
[1]+[2]
[1]+(2,)
(1,)+(2,)
(1,)+[2]
{}+{}
{'a':1}|{'b':2}
None+1
1+None
1-'a'
'a'-1
'a'/2
[]-[]
1/0
1//0
1%0
1.0/0
1.0//0
1.0%0
0**-1
1<<-1
1<'a'
'a'<1
None<None
[]<{}
1<None
{}<{}
-'a'
~1.5
+[]
'a'@'b'
1.5|2
1.5<<1
1 in 5
1 in 'abc'
'a' in 5
'a' in b'abc'
5()
'a'()
None()
[].foo
'a'.foo
None.foo
(5).foo
{}.foo
deploy.a.b
5 .real
(1.5).is_integer()
(2.0).is_integer()
(255).bit_length()
(255).to_bytes(2,'big').hex()
int.from_bytes(b'\x01\x00','big')
'Hello'.upper()
'Hello'.lower()
'hello world'.title()
"they're bill's".title()
'hELLO'.capitalize()
'Hello'.swapcase()
'stra\xdfe'.upper()
'\u0130'.lower()
'\u039f\u03a3'.lower()
'\u01c6'.title()
'\ufb01n'.title()
'\xdf'.casefold()
'\u043e\u0448\u0438\u0431\u043a\u0430'.upper()
'ab'.center(7)
'abc'.center(6,'*')
'abc'.center(7,'*')
'ab'.center(5,'*')
'ab'.ljust(5)+'|'
'ab'.rjust(5,'0')
'ab'.rjust(1)
'ab'.rjust(5,'ab')
'42'.zfill(5)
'-42'.zfill(5)
'+42'.zfill(6)
'abc'.zfill(2)
''.zfill(3)
'  a b '.strip()
'xxaxx'.strip('x')
'  a'.lstrip()
'a  '.rstrip()
'abcba'.strip('ab')
'\u3000a\u2003'.strip()
'a\n'.rstrip('\n')
'a'.strip(5)
'a,b,c'.split(',')
'a b  c '.split()
'a b  c '.split(' ')
'a,b,c'.split(',',1)
'a b c d'.split(None,2)
'  a b c  '.split(None,1)
'a b c d'.rsplit(None,2)
'  a b  c  '.rsplit(None,1)
'a,b,c'.rsplit(',',1)
'a,b'.split('')
'a,b'.split(5)
''.split()
''.split(',')
'a'.split(maxsplit=1)
'a,b,c'.split(sep=',',maxsplit=1)
'a\nb\r\nc\rd\x0be\x0cf\x1cg\u2028h'.splitlines()
'a\nb\n'.splitlines(True)
'a\n\nb'.splitlines()
''.splitlines()
','.join(['a','b'])
''.join([])
','.join('abc')
','.join([1])
','.join(['a',None])
','.join(5)
', '.join(str(v) for v in args.l)
','.join({'a':1,'b':2})
'abcabc'.replace('b','X')
'abcabc'.replace('b','X',1)
'abc'.replace('','-')
'abc'.replace('','-',2)
''.replace('','x')
'abc'.replace('abc','')
'a'.replace('a')
'a'.replace('a',1)
'abc'.find('c')
'abc'.find('z')
'abcabc'.find('b',2)
'abcabc'.rfind('b')
'abc'.find('')
'abc'.find('',5)
'\U0001f600x'.find('x')
'abc'.index('z')
'abc'.rindex('a')
'abcabc'.count('b')
'aaa'.count('aa')
'abc'.count('')
'abc'.find(5)
'abc'.startswith('ab')
'abc'.startswith(('x','a'))
'abc'.startswith('b',1)
'abc'.endswith('bc')
'abc'.endswith(('c','z'))
'abc'.startswith(5)
'abc'.endswith((5,))
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('=')
'abc'.rpartition('=')
'abc'.partition('')
'foobar'.removeprefix('foo')
'foobar'.removesuffix('bar')
'foobar'.removeprefix('x')
'a\tb\tc'.expandtabs()
'a\tb'.expandtabs(4)
'a\tb'.expandtabs(0)
'abc\td\n\te'.expandtabs(tabsize=3)
'abc'.isalpha()
'ab1'.isalnum()
'123'.isdigit()
'\xb2'.isdigit()
'\xb2'.isdecimal()
'\xbd'.isnumeric()
''.isdigit()
' \t'.isspace()
'abc'.islower()
'ABC1'.isupper()
'1'.isupper()
'Hello World'.istitle()
'Hello world'.istitle()
'a1_'.isidentifier()
'1a'.isidentifier()
'abc\n'.isprintable()
'abc'.isascii()
'\xe9'.isascii()
'abc'.translate({97:'X',98:None,99:100})
'abc'.translate(str.maketrans('ab','xy','c'))
'abc'.translate(str.maketrans({'a':'1'}))
'abc'.encode()
'\u0430'.encode().hex()
'\u0430'.encode('ascii')
'\u0430b\u0431'.encode('ascii','replace').decode()
'\u0430'.encode('ascii','ignore').decode()
'\u0430'.encode('ascii','backslashreplace').decode()
'\u0430'.encode('ascii','xmlcharrefreplace').decode()
'\u0430'.encode('latin-1')
'\xe9'.encode('latin-1').hex()
'\ud800'.encode()
'a'.encode('nope')
b'\xd0\xb0'.decode()
b'\xff'.decode()
b'\xd0'.decode()
b'a\xe2\x28\xa1'.decode()
b'a\xff'.decode('utf-8','replace')
b'a\xff'.decode('ascii','ignore')
b'\xff'.decode('ascii')
b'\xe9'.decode('latin-1')
b'a,b'.split(b',')[0].decode()
b'abc'.hex()
bytes.fromhex('61 62').decode()
bytes([97,98]).decode()
bytes('ab','utf-8').decode()
bytes('ab')
bytes(3).hex()
b'a'+b'b' == b'ab'
b'a'+'b'
bytes([300])
'{0} {1}'.format('a',5)
'{} {}'.format('a',5)
'{1} {0}'.format('a','b')
'{0}{0}'.format('a')
'{name}'.format(name='n')
'{0[a]}'.format({'a':1})
'{0[1]}'.format([1,2])
'{0.stdout}'.format(deploy())
'{a.k}'.format(a=args)
'{a.x}'.format(a=args)
'{0!r}'.format('a')
'{0!s}'.format('a')
'{0!a}'.format('\u0430')
'{0!r:>6}'.format('a')
'{:>5}'.format('a')
'{:<5}|'.format('a')
'{:^5}'.format('a')
'{:*^7}'.format('ab')
'{:5}|'.format('a')
'{:5}'.format(5)
'{:05}'.format(5)
'{:05}'.format('a')
'{:05d}'.format(-5)
'{:+d}'.format(5)
'{: d}'.format(5)
'{:=+6d}'.format(5)
'{:x}'.format(255)
'{:X}'.format(255)
'{:#x}'.format(255)
'{:#o}'.format(8)
'{:#b}'.format(5)
'{:08b}'.format(5)
'{:#010x}'.format(255)
'{:,}'.format(1234567)
'{:_}'.format(1234567)
'{:_x}'.format(1234567890)
'{:010,}'.format(1234)
'{:09,}'.format(1234)
'{:08,}'.format(1234)
'{:c}'.format(97)
'{:n}'.format(1234)
'{:e}'.format(12345.678)
'{:E}'.format(12345.678)
'{:.2e}'.format(0)
'{:f}'.format(1.5)
'{:.2f}'.format(2.675)
'{:.0f}'.format(2.5)
'{:#.0f}'.format(2.5)
'{:10.3f}|'.format(3.14159)
'{:<10.3f}|'.format(3.14159)
'{:+.1f}'.format(2.25)
'{:g}'.format(1e10)
'{:g}'.format(123456.0)
'{:g}'.format(1234567.0)
'{:g}'.format(0.0001)
'{:g}'.format(0.00001)
'{:#g}'.format(1.0)
'{:.3g}'.format(1234.5)
'{:G}'.format(1e-10)
'{:%}'.format(0.256)
'{:.1%}'.format(0.256)
'{:,.2f}'.format(1234567.891)
'{:015,.2f}'.format(1234567.891)
'{:.3}'.format(1234.5)
'{:.3}'.format(3.0)
'{:.5}'.format(123.0)
'{:.2}'.format(123.0)
'{:10}'.format(1.5)
'{:010}'.format(-1.5)
'{:f}'.format(float('inf'))
'{:F}'.format(float('nan'))
'{:010}'.format(float('inf'))
'{:.1}'.format('abc')
'{:5.1}|'.format('abc')
'{:d}'.format(True)
'{:5}|'.format(True)
'{}'.format(True)
'{:z.1f}'.format(-0.01)
'{:f}'.format(2)
'{:.2f}'.format(True)
'{:d}'.format(1.5)
'{:d}'.format('a')
'{:s}'.format(5)
'{:s}'.format('a')
'{:x}'.format(1.5)
'{:q}'.format(1)
'{:5d5}'.format(1)
'{:.2d}'.format(1)
'{:,s}'.format('a')
'{:,x}'.format(5)
'{:+}'.format('a')
'{:=5}'.format('a')
'{:#}'.format('a')
'{:>5}'.format(None)
'{}'.format(None)
'{:5}'.format([1])
'{}'.format([1,'a'])
'{}'.format({'a':'b'})
'{}'.format((1,))
'{:{}}'.format('a',5)
'{:{w}.{p}f}'.format(3.14159,w=8,p=2)
'{:>{1}}'.format('a',5)
'{0:{1}{2}}'.format('a','>',4)
'{{}}'.format()
'{{{}}}'.format(1)
'{'.format()
'}'.format()
'{0'.format(1)
'{} {0}'.format(1)
'{0} {}'.format(1)
'{2}'.format(1)
'{}'.format()
'{a}'.format()
'{0.x}'.format('a')
'{0[}'.format([1])
'{0[a]}'.format([1])
'{0[5]}'.format([1])
'{0!z}'.format(1)
'{0!}'.format(1)
'{0!r'.format(1)
'{0!rx}'.format(1)
'{:{:{}}}'.format(1,2,3)
'{0.}'.format(1)
'{0[]}'.format(1)
'{0[0]x}'.format([1])
'{a[b][c]}'.format(a={'b':{'c':1}})
'{ }'.format(1)
'{a b}'.format(**{'a b':1})
'{x}'.format(**args)
'{x}'.format_map(args)
'{zz}'.format_map({})
'{:>5}'.format('\u043e\u0448')
'{:\u0431>5}'.format('a')
'%s' % 'a'
'%s %s' % ('a',5)
'%d' % 5
'%d' % 5.9
'%05d' % 5
'%5d|' % 5
'%-5d|' % 5
'%+d' % 5
'% d' % 5
'%+05d' % 5
'%x' % 255
'%#x' % 255
'%X' % 255
'%o' % 8
'%#o' % 8
'%e' % 12345.678
'%f' % 1.5
'%.2f' % 2.675
'%g' % 1e10
'%5.1f|' % 3.14159
'%05.1f' % 3.14159
'%s' % None
'%r' % 'a'
'%a' % '\u0430'
'%10s|' % 'a'
'%-10s|' % 'a'
'%.1s' % 'abc'
'%c' % 'a'
'%c' % 97
'%%' % ()
'100%%'
'%s' % (1,)
'%s' % [1,2]
'%s' % {'a':1}
'%(a)s-%(b)d' % {'a':'x','b':5}
'%(a)s' % {}
'%(a)s' % (1,)
'%*d' % (5,3)
'%-*d|' % (5,3)
'%.*f' % (2,3.14159)
'%.3d' % 5
'%s %s' % 'a'
'%s' % ('a','b')
'a' % 'b'
'a' % {}
'a' % []
'%d' % 'a'
'%x' % 1.5
'%f' % 'a'
'%c' % 'ab'
'%y' % 1
'%' % 1
'%(a' % {'a':1}
'%s' % True
'%d' % True
'%i' % 3
'%u' % -3
'%5%' % ()
'%s' % b'a'
'%d' % 2**70
'%.0f' % 0.5
'%s' % 1e16
f'{args.x}'
f'{args.n:05d}'
f'{args.n!r:>5}'
f'{"a"}'
f"{args['x']}"
f'{{}}'
f'{{{args.n}}}'
f'{args.n=}'
f'{args.n = }'
f'{args.x=!s}'
f'{args.f=:.2f}'
f'{args.n:{args.n}}'
f'{args.f:{8}.{3}}'
f'{1,2}'
f'{[v for v in range(3)]}'
f'{ {"a":1}["a"] }'
f'{(lambda v:v+1)(1)}'
f'{1 if args.n else 2}'
f'{args.n>3}'
f'{args.n!=3}'
f'{args.n==3}'
f'{None}'
f'{None:>5}'
f'{args.l}'
f'{args.d["n"]["m"][1]["z"]}'
f'a' 'b' f'{1}'
f'{1}' '{2}'
rf'\n{1}\t'
f'\n{1}\t'
f'\x41{1}'
f'{args.s.split()[0]}'
f'{"x" * 3:>{5 + 1}}'
f'{3:{"0"}>4}'
f'{args.u:>10}'
f"{'it' + chr(39) + 's'!r}"
'a' 'b'
'a' "b" """c"""
r'\n'
u'abc'
'\a\b\f\n\r\t\v\\\'\"'
'\101\x41\u0041\U00000041'
'\0'
'\08'
'\q'
'\ud83d\ude00'
b'\x41\n\101'
br'\x41'
"a\
b"
'it\'s'
"""multi
  line"""
0x1F
0o17
0b101
1_000_000
1e5
1E-5
.5
5.
0xFFFFFFFFFFFFFFFFFF
00
1_0.0_1
args.x
args['x']
args.zz
args['zz']
args.get('zz')
args.get('zz','d')
args.get('x')
'x' in args
'zz' in args
len(args)
sorted(args.keys())[:3]
args.d['k']
args.d.k
args.d.get('n')
args.keys
str(args.keys())[:20]
args.l[0]
args.l[-1]
args.u
args.emoji
args.lone
args.q
args.big+1
args.big*args.big
args.n/2
args.neg//2
args.f*2
args.t+1
args.names
' '.join(args.names)
args
deploy()
deploy().stdout
deploy().stderr
deploy().exitCode
deploy().zzz
deploy()['stdout']
deploy().get('stdout')
silent().stdout
silent().stdout.strip()
deploy(5)
deploy(None)
deploy([1,'a'])
deploy('a b').stdout
deploy('a','b').stdout
deploy.install('a b').stdout
deploy.install().exitCode
deploy.a.b()
deploy(commandline='x').stdout
deploy('{0} {1}'.format(args.x,args.n)).stdout
deploy("'{0}' {1}".format(args.q,args.l)).stdout
deploy(*['a','b']).stdout
deploy(**{'input':1}).stdout
[deploy(str(v)).exitCode for v in range(3)]
any(deploy(str(v)).exitCode > 0 for v in range(5))
broken()
nope()
deploy().stdout.upper().split()
str(deploy())
'{0}'.format(deploy())
len(deploy())
deploy() == deploy()
[v for v in range(5)]
[v*2 for v in range(5) if v%2]
[(a,b) for a in range(2) for b in 'xy']
[a for a in range(5) if a if a>2]
{v:v*v for v in range(3)}
sorted({v%2 for v in range(5)})
[[b for b in range(a)] for a in range(3)]
list(v+1 for v in [1,2])
sum(v for v in range(5))
[k for k,v in {'a':1}.items()]
[f'{i}-{args.x}' for i in range(2)]
[v for v in 5]
[a for a, in [(1,),(2,)]]
[x for x in args]
{k:v for k,v in [('a',1),('b',2),('a',3)]}
(lambda:5)()
(lambda a,b=2:a+b)(1)
(lambda *a,**k:[list(a),k])(1,2,c=3)
(lambda a:a)()
(lambda a:a)(1,2)
(lambda a:a)(b=1)
(lambda a,b:a)(1,a=2)
(lambda:1)(1)
(lambda a,b,c:a)(1)
(lambda a,b,c:a)()
(lambda *,k:k)()
(lambda a,b=1:a)(1,2,3)
(lambda a,/,b:b)(1,b=2)
(lambda a,/:a)(a=1)
(y := 5) + y
[y := 1, y**2]
print
Ellipsis
...
__name__
'abc'.upper
str.upper('abc')
str.join(',',['a','b'])
dict.fromkeys('ab',0)
dict.fromkeys([1])
list(map(str.upper,'ab'))
'a'.upper(1)
'a'.join()
'a'.join(['b'],['c'])
'a'.split(1,2,3)
'a'.split(foo=1)
'a'.upper(x=1)
'a'.replace('a','b','c')
[].append()
[].append(1,2)
{}.get()
{}.pop('a')
{}.pop('a',1)
{}.popitem()
[].pop()
[1].pop(5)
[1].remove(2)
[1].index(2)
(1,).index(2)
[1,2,1].count(1)
[1,2,1].index(1,1)
(1,2).count(1)
set().pop()
{1}.remove(2)
{'a':1}.setdefault('a',2)
{'a':1}.setdefault('b',2)
{}.update(5)
{}.update([1])
[].sort(1)
[1].sort(foo=1)
len(x=1)
int(x=1)
str(object=5)
list(a=1)
range()
range(1,2,3,4)
range(1,2,0)
range('a')
range(1.0)
enumerate()
chr()
sorted()
isinstance(1)
max(1,2,foo=1)
round(1,2,3)
abs()
10**4299 > 0
str(10**4300)
int('1'*4301)
10**5000
'a' if True else 'b' if False else 'c'
not True == False
1 if 0 else 2 if 0 else 3
2**3**2
-2**2
2**-2
(1+2)*3
1+2*3-4/2
10-2-3
2*3%4
1|2&3^4
1<<2+1
not 1 in [1]
1 in [1] == True
[1,2,3][0:2][1]
"%s" % "a" + "b"
-5 % 3
-5 // 3
5 - -5
~-1
'a' 'b' * 2
(1,) * 3
[[]] * 2
[0] * 0
1 .__class__
True.real
'a'.__class__.__name__
1e1000
-1e1000
5 // 0.0
5 % 0.0
divmod(5.0,0)
1e308+1e308
1e200**2
10.0**400
'\u00df'.lower()
'a\x85b'.split()
'a\x1cb'.split()
'\u00a0'.isspace()
'\u200b'.isspace()
'abc'.replace('b','\u0431')
'\u0430\u0431\u0432'.center(7,'\u0433')
'\u0430,\u0431'.split(',')
"{:,}".format(-1234567)
"{:,}".format(123)
"{:,.3f}".format(0.5)
"{:+,}".format(1234)
"{:_b}".format(255)
"{:#_x}".format(2**32)
"{:020,}".format(1234.5)
"{:<05}".format(3)
"{:a^5}".format(3)
"{:=^5}".format(3)
"{:<<5}".format(3)
"{:}".format(1)
"{:s}".format(None)
"{:d}".format(None)
"{!r:10}|".format(None)
"{:.100f}".format(0.1)
"{:.17g}".format(0.1)
"{:.0e}".format(12345)
"{:.0g}".format(12345)
"{:#.3g}".format(1)
"{:#}".format(1e16)
"{:#15}".format(1e-05)
[1]*-2**70
"{:e}".format(0.0)
"{:g}".format(0.0)
"{:g}".format(-0.0)
"{:n}".format(1.5)
"{:.2%}".format(1)
"{:%}".format(True)
"{:10%}|".format(0.5)
"{:c}".format(1114112)
"{:+c}".format(97)
"{:5c}|".format(97)
"{:b}".format(-5)
"{:#X}".format(-255)
"{:08x}".format(-255)
"{:+08x}".format(255)
"{:.3s}".format("abcdef")
"{:99999999999999999999}".format(1)
"{:.99999999999999999999}".format(1.0)
"%.50f" % 0.1
"%#.3x" % 5
"%+x" % -255
"%05s" % "a"
"%-05d|" % 3
"%+.3e" % 12345.6789
"%G" % 1e-10
"%#g" % 1.0
"%(a)s %(a)r" % {"a": "x"}
"%(a)s %%" % {"a": 1}
"%((a))s" % {"(a)": 1}
"%s" % ((1, 2),)
"%s %s" % (1,)
"%ld" % 5
"%hd" % 5
"%.2r" % "abc"
"%5c|" % "a"
"%c" % -1
"%c" % 1.5
"%d" % None
"%d" % float("nan")
"%d" % float("inf")
"%x" % "a"
"%\u0430" % 1
"%*d" % ("a", 1)
"%s" % KeyError("a")
'''

BODIES = [
    'pass', 'return', 'return\n', 'x = 1', '1', '# c\nreturn 1', 'return 1 # c', '\n\nreturn 1\n\n', 'return 1;', 'x = 1; return x',
    '    x = 1\n    return x\n', 'if True:\n\treturn 1\n', 'x = 1\r\nreturn x\r\n', 'x = """a\n  b\nc"""\nreturn x', 
    '\tx = 1\n\treturn x', '    x = """a\n    b"""\n    return x', 'x = "a\tb"\nreturn x', '  if True:\n\t  return 1\n  return 2', 'x = [1,\n2,\n  3]\nreturn x',
    'x = 1 + \\\n  2\nreturn x', 'return """a\r\nb"""', "return '''\n    x\n\ty\n'''", '    a = 1\r\n\r\n    return a\r\n', '\n    return 1\n  # low\n    ',
    'if args.n > 3:\n  return "big"\nelse:\n  return "small"', 'if args.n > 30:\n  return 1\nelif args.n > 4:\n  return 2\nelse:\n  return 3',
    'r = []\nfor i in range(3):\n    r.append(deploy(str(i)).stdout)\nreturn r', 'a = deploy().stdout\nb = str2(a)\nreturn {"a": a, "b": b.stdout, "rc": b.exitCode}',
    'r = []\nfor i in range(5):\n  if i == 1: continue\n  if i == 3: break\n  r.append(i)\nelse:\n  r.append("else")\nreturn r',
    'for i in []:\n  pass\nelse:\n  return "else"', 'i = 0\nwhile i < 3:\n  i += 1\nelse:\n  return ["done", i]', 'i = 0\nwhile True:\n  i += 1\n  if i > 5: break\nreturn i',
    'try:\n  1/0\nexcept ZeroDivisionError as e:\n  return str(e)', 'try:\n  {}["a"]\nexcept (ValueError, KeyError) as e:\n  return [str(e), repr(e), list(e.args)]',
    'try:\n  broken()\nexcept Exception as e:\n  return str(e)', 'try:\n  broken("x")\nexcept:\n  return "caught"', 'try:\n  broken()\nfinally:\n  deploy("cleanup")',
    'try:\n  x = 1\nexcept Exception:\n  x = 2\nelse:\n  x = 3\nfinally:\n  y = 4\nreturn [x, y]', 'def f():\n  try:\n    return 1\n  finally:\n    deploy("f")\nreturn f()',
    'def f():\n  try:\n    return 1\n  finally:\n    return 2\nreturn f()', 'for i in range(3):\n  try:\n    continue\n  finally:\n    deploy(str(i))\nreturn i',
    'try:\n  try:\n    1/0\n  except KeyError:\n    return 1\nexcept ArithmeticError:\n  return 2', 'try:\n  raise ValueError("a")\nexcept ValueError as e:\n  pass\nreturn e',
    'try:\n  raise ValueError("a")\nexcept ValueError:\n  raise', 'try:\n  raise ValueError("a")\nexcept ValueError as e:\n  raise KeyError("b") from e', 'raise', 'raise ValueError', 'raise ValueError("a", 2)',
    'raise Exception("boom")', 'raise ValueError(u"\u043e\u0448")', 'raise 5', 'raise "a"', 'raise KeyError("k")', 'raise KeyError', 'raise OSError(2, "no")', 'raise IOError("x")', 'raise SystemExit(3)', 'raise NotImplementedError',
    'raise StopIteration', 'import sys\nsys.exit(3)', 'import sys\nsys.exit()', 'import sys\nsys.exit("bye")', 'try:\n  import sys\n  sys.exit(1)\nexcept Exception:\n  return "no"', 'try:\n  raise SystemExit(2)\nexcept SystemExit as e:\n  return e.code',
    'try:\n  1/0\nexcept 5:\n  pass', 'try:\n  1/0\nexcept "a":\n  pass', 'assert 1 == 2, "nope"', 'assert 0', 'assert 1', 'assert (0, "always")', 'assert False, [1, "a"]',
    'a, b = 1, 2\nreturn [a, b]', 'a, b = [1]\nreturn a', 'a, b = 1, 2, 3', 'a, *b = [1, 2, 3]\nreturn [a, b]', '*a, b = "xyz"\nreturn [a, b]', 'a, *b, c = 1, 2\nreturn [a, b, c]', 'a, *b, c = [1]', '(a, b), c = (1, 2), 3\nreturn [a, b, c]', '[a, b] = "xy"\nreturn a + b',
    'a, b = 5', 'a, b = None', 'a = b = []\na.append(1)\nreturn b', 'a, b = {"x": 1, "y": 2}\nreturn a + b', 'a = 1,\nreturn a', 'for a, b in [(1, 2), (3, 4)]:\n  deploy(a, b)', 'for i, (a, b) in enumerate([(1, 2)]):\n  return [i, a, b]', 'for a in 5: pass', 'for x, y in [1]: pass',
    'a = [1, 2, 3]\na[0] = 5\na[-1] = 6\nreturn a', 'a = [1]\na[5] = 1', 'a = [1,2,3,4]\na[1:3] = [9]\nreturn a', 'a = [1,2,3,4]\na[::2] = [8, 9]\nreturn a', 'a = [1,2,3]\na[::2] = [1]', 'a = [1,2]\na[:] = "xyz"\nreturn a', 'a = "abc"\na[0] = "x"', 'a = (1,)\na[0] = 1', 'a = [1]\na["x"] = 1', 'a = [1]\na[0:1] = 5',
    'd = {}\nd["a"] = 1\nd["b"] = 2\nd["a"] = 3\nreturn d', 'd = {"a": 1, "b": 2, "c": 3}\ndel d["b"]\nd["b"] = 4\nreturn d', 'd = {}\ndel d["x"]', 'a = [1,2,3]\ndel a[1]\nreturn a', 'a = [1,2,3,4,5]\ndel a[1:4:2]\nreturn a', 'a = [1]\ndel a[5]', 'a = 1\ndel a\nreturn a', 'del zz', 'a = b = 1\ndel a, b\nreturn 2', 'a = "x"\ndel a[0]',
    'x = 5\nx += 2\nx -= 1\nx *= 3\nx //= 2\nx **= 2\nx %= 50\nreturn x', 'x = 7\nx /= 2\nreturn x', 'x = 6\nx |= 1\nx &= 5\nx ^= 2\nx <<= 3\nx >>= 1\nreturn x', 'x = "a"\nx += "b"\nx *= 2\nreturn x', 'x = [1]\ny = x\nx += (2,)\nreturn y', 'x = [1]\ny = x\nx = x + [2]\nreturn y', 'x = (1,)\nx += (2,)\nreturn x', 'x = "a"\nx += 1', 'x = 1\nx += "a"', 'x = None\nx -= 1', 'd = {"a": 1}\nd["a"] += 5\nreturn d', 'd = {}\nd["a"] += 1', 'a = [[1]]\na[0] += [2]\nreturn a', 'x = {1}\nx |= {2}\nreturn sorted(x)', 'd = {"a": 1}\nd |= {"b": 2}\nreturn d', 'x = [1]\nx *= 3\nreturn x', 'x = 5\nx @= 1', 'y += 1',
    'def f(a, b=2, *c, d, e=5, **k):\n  return [a, b, c, d, e, k]\nreturn [f(1, d=4), f(1, 2, 3, 4, d=5, z=6)]', 'def f(n):\n  if n < 2:\n    return n\n  return f(n-1) + f(n-2)\nreturn f(10)', 'def f(a=[]):\n  a.append(1)\n  return len(a)\nf()\nreturn f()', 'def f():\n  pass\nreturn f()', 'def f(a, b):\n  return a\nf(1)', 'def f(a, b):\n  return a\nf()', 'def f():\n  return 1\nf(1)', 'def f(a):\n  return 1\nf(1, 2)', 'def f(a=1):\n  return 1\nf(1, 2)', 'def f(a, *, b):\n  return 1\nf(1)', 'def f(a):\n  return a\nf(1, a=2)', 'def f(a):\n  return a\nf(z=2)', 'def f(*a):\n  return a\nreturn f(*[1, 2], 3, *"ab")', 'def f(**k):\n  return k\nreturn f(a=1, **{"b": 2})', 'def f(**k):\n  return k\nreturn f(a=1, **{"a": 2})', 'def f(*a): return 1\nf(*5)', 'def f(**a): return 1\nf(**5)', 'len(*[1, 2])', 'def f(a: int, b: str = "x") -> int:\n  return b\nreturn f(1)',
    'def make(n):\n  def add(x):\n    return x + n\n  return add\nreturn make(2)(3)', 'def f():\n  x = 1\n  def g():\n    nonlocal x\n    x += 1\n    return x\n  g()\n  return g()\nreturn f()', 'fs = []\nfor i in range(3):\n  fs.append(lambda: i)\nreturn [f() for f in fs]', 'fs = [lambda: i for i in range(3)]\nreturn [f() for f in fs]', 'fs = [lambda i=i: i for i in range(3)]\nreturn [f() for f in fs]', 'def f():\n  return x\nx = 5\nreturn f()', 'def f():\n  return x\nf()\nx = 5', 'def f():\n  global g1\n  g1 = 5\nf()\nreturn g1', 'global x\nx = 1\ndef f():\n  return x\nreturn f()',
    'deploy = deploy()\nreturn deploy', 'args = args.x\nreturn args', 'x = x + 1', 'if args.t:\n  y = 1\nreturn y', 'if args.no:\n  y = 1\nreturn y', 'str = 5\nreturn str', 'len = lambda x: 42\nreturn len([])', 'x = [i for i in range(3)]\nreturn i', 'x = 5\ny = [x for x in range(3)]\nreturn [x, y]', 'y = [z := v for v in range(3)]\nreturn z', 'if (n := len(args.names)) > 2:\n  return n', 'while (x := 5) < 3: pass\nreturn x', 'def f(): return [v for v in range(3) if v > lim]\nlim = 1\nreturn f()',
    'g = (deploy(str(v)) for v in range(3))\nnext(g)\nreturn "lazy"', 'g = (v for v in [1, 2])\nreturn [list(g), list(g)]', 'it = iter([1, 2, 3])\nreturn [next(it), list(it)]', 'm = map(lambda v: deploy(str(v)).exitCode, range(3))\nfor v in m:\n  if v == 1: break\nreturn list(m)', 'z = zip([1, 2], iter([3, 4]))\nreturn list(z)', 'l = [1, 2, 3]\nfor v in l:\n  if v < 3: l.append(v + 5)\n  if len(l) > 6: break\nreturn l', 'd = {"a": 1}\nfor k in d:\n  d["b"] = 2', 'd = {"a": 1, "b": 2}\nfor k in list(d):\n  del d[k]\nreturn d', 's = {1}\nfor k in s:\n  s.add(2)',
    'l = [3, 1, 2]\nl.sort()\nl.reverse()\nl.insert(0, 9)\nl.insert(-1, 8)\nl.extend("ab")\nreturn [l, l.pop(), l.pop(0), l.index(8), l.count(1)]', 'l = ["b", "A"]\nl.sort(key=lambda s: s.lower(), reverse=True)\nreturn l', 'l = [1, 2]\nm = l.copy()\nl.clear()\nreturn [l, m]', 'l = [1]\nl.remove(1)\nreturn l', 'd = {"a": 1}\nd.update(b=2)\nd.update({"c": 3})\nd.update([("d", 4)])\nreturn [d, d.pop("a"), d.popitem(), list(d.keys()), list(d.values()), list(d.items())]', 'd = {"a": 1}\ne = d.copy()\nd.clear()\nreturn [d, e]', 's = {1, 2}\ns.add(3)\ns.discard(9)\ns.remove(1)\ns.update([7])\nreturn sorted(s)', 's = {1, 2, 3}\nreturn [sorted(s.union([4])), sorted(s.intersection([1, 9])), sorted(s.difference([1])), sorted(s.symmetric_difference([1, 9])), s.issuperset([1])]',
    'l = []\nl.append(l)\nreturn str(l)', 'l = []\nl.append(l)\nreturn l', 'd = {}\nd["d"] = d\nreturn repr(d)', 'l = [1]\nreturn [l, l]', 'a = []\nb = a\nreturn [a is b, a == b, a is []]', 'x = (1, [2])\nx[1].append(3)\nreturn x', 'return {1, 2} == {2, 1}', 'x = 1\ny = x\nx += 1\nreturn y',
    'import json\nreturn json.dumps({"a": [1, 2.5, None, True, "\\u0430\\n"]})', 'import json\nreturn json.dumps({"b": 1, "a": 2}, sort_keys=True)', 'import json\nreturn json.dumps({"a": [1, {}, []]}, indent=2)', 'import json\nreturn json.dumps([1, 2], indent=0)', 'import json\nreturn json.dumps({"a": 1}, separators=(",", ":"))', 'import json\nreturn json.dumps("\\u0430\\U0001f600", ensure_ascii=False)', 'import json\nreturn json.dumps("\\u0430\\U0001f600\\x7f\\x1f\\b\\f")', 'import json\nreturn json.dumps(float("nan"))', 'import json\nreturn json.dumps([float("inf")], allow_nan=False)', 'import json\nreturn json.dumps({1, 2})', 'import json\nreturn json.dumps({1: 1, None: 2, True: 3, 1.5: 4})', 'import json\nreturn json.dumps({(1,): 1})', 'import json\nreturn json.dumps({(1,): 1, "a": 2}, skipkeys=True)', 'import json\nreturn json.dumps({1}, default=list)', 'import json\nreturn json.dumps({1: 1, "a": 2}, sort_keys=True)', 'import json\nreturn json.dumps(args)', 'import json\nreturn json.dumps(deploy())', 'import json\nreturn json.dumps((1, (2,)), indent=1)', 'import json\nreturn json.dumps([1], indent="--")', 'import json\nreturn json.dumps()', 'import json\nreturn json.dumps(1, foo=2)', "import json\nreturn deploy(\"'\" + json.dumps(args.d) + \"'\").stdout",
    'import json\nreturn json.loads(\'{"a": [1, 2.0, null, true, "x\\\\u0430"], "b": 1e5, "a": 3}\')', 'import json\nreturn json.loads("")', 'import json\nreturn json.loads("{")', 'import json\nreturn json.loads("{a}")', 'import json\nreturn json.loads("[1,]")', 'import json\nreturn json.loads("[1 2]")', 'import json\nreturn json.loads("1 2")', 'import json\nreturn json.loads("\\"a")', 'import json\nreturn json.loads("\\"a\\nb\\"")', 'import json\nreturn json.loads("\\"\\\\x\\"")', 'import json\nreturn json.loads("\\"\\\\u12\\"")', 'import json\nreturn json.loads("{\\"a\\" 1}")', 'import json\nreturn json.loads("nul")', 'import json\nreturn json.loads("[\\n  1,\\n  x\\n]")', 'import json\nreturn json.loads("-")', 'import json\nreturn json.loads("01")', 'import json\nreturn json.loads("-0")', 'import json\nreturn json.loads("-0.0")', 'import json\nreturn json.loads("123456789012345678901234567890")', 'import json\nreturn str(json.loads("[NaN, Infinity, -Infinity]"))', 'import json\nreturn json.loads(b"[1]")', 'import json\nreturn json.loads(5)', 'import json\nreturn json.loads("\\ufeff1")', 'import json\nreturn json.loads("\\"\\\\ud83d\\\\ude00\\\\ud800\\"")', 'import json\ntry:\n  json.loads("x")\nexcept ValueError as e:\n  return str(e)', 'import json\ntry:\n  json.loads("x")\nexcept json.JSONDecodeError as e:\n  return type(e).__name__', 'from json import dumps, loads as l\nreturn l(dumps([1]))', 'import json as j\nreturn j.dumps(1)', 'from json import (dumps,\n  loads,)\nreturn dumps(1)', 'import json, base64\nreturn json.dumps(base64.b64encode(b"a").decode())',
    'import base64\nreturn base64.b64encode(b"hello").decode()', 'import base64\nreturn base64.b64encode("hello")', 'import base64\nreturn base64.b64encode(args.u.encode("utf-8")).decode("ascii")', 'import base64\nreturn base64.b64decode("aGVsbG8=").decode()', 'import base64\nreturn base64.b64decode("aGVsbG8").decode()', 'import base64\nreturn base64.b64decode("aGV sb\\nG8=").decode()', 'import base64\nreturn base64.b64decode("a")', 'import base64\nreturn base64.urlsafe_b64encode(b"\\xff\\xfe").decode()', 'import base64\nreturn base64.urlsafe_b64decode("__4=").hex()', 'import base64\nreturn base64.b64decode(b"YQ==YQ==").decode()', 'import base64\nreturn base64.b64decode("")', 'import base64\ntry:\n  base64.b64decode("abc")\nexcept ValueError as e:\n  return str(e)', 'import base64\nreturn base64.b64decode("\\u0430")', 'import base64\nreturn base64.b64decode(5)',
    'import uuid\nreturn len(str(uuid.uuid4()))', 'import uuid\nreturn len(uuid.uuid4().hex)', 'import uuid\nreturn str(uuid.UUID("12345678123456781234567812345678"))', 'import uuid\nreturn repr(uuid.UUID("{12345678-1234-5678-1234-567812345678}"))', 'import uuid\nreturn uuid.UUID("x")', 'import uuid\nreturn uuid.uuid4()', 'import uuid\nreturn uuid.UUID("12345678123456781234567812345678").int', 'import uuid\nreturn str(uuid.uuid4())[14]', 'import uuid\nu = uuid.UUID("12345678123456781234567812345678")\nreturn [u == u, "{}".format(u), "%s" % u, f"{u}"]',
    'import time\nt = time.time()\ntime.sleep(0)\nreturn round(time.time() - t)', 'import time\nreturn time.sleep(-1)', 'import time\nreturn time.sleep("a")', 'import time\nreturn time.time() > 1e9', 'import os.path\nreturn os.path.join("a", "b", "/c", "d")', 'import os.path\nreturn os.path.join("a/", "b")', 'import os.path\nreturn [os.path.basename("/a/b.txt"), os.path.dirname("/a/b.txt"), os.path.splitext("/a/b.tar.gz"), os.path.split("/a/b/")]', 'import os\nreturn os.path.join(args.path, "x")', 'from os import path\nreturn path.basename("/a/b")', 'from os.path import join\nreturn join("a", "")', 'import os.path as p\nreturn p.dirname("/a")', 'import os.path\nreturn [os.path.exists("nope"), os.path.isfile("nope")]', 'import os.path\nreturn os.path.join("a", 5)', 'import os.path\nreturn os.path.basename(None)', 'import os.path\nreturn [os.path.splitext(v) for v in [".bashrc", "a.", "a/.b", "..x", "a.b/c"]]', 'import os.path\nreturn [os.path.dirname(v) for v in ["/", "//", "//a", "a//b", ""]]', 'import os.path\nreturn [os.path.normpath(v) for v in ["a/../b", "", "//a", "///a", "a//b/./c"]]',
    'with open("f.txt", "w") as f:\n  f.write("a\\nb\\n")\nwith open("f.txt") as f:\n  return f.read()', 'f = open("f", "w")\nn = f.write("ab\\u0430")\nf.close()\nreturn [n, open("f").read()]', 'with open("f", "w") as f:\n  f.writelines(["a\\n", "b"])\nreturn [l.strip() for l in open("f")]', 'open("f", "w").write("x")\nreturn open("f").readlines()', 'with open("f", "wb") as f:\n  f.write(b"\\xff")\nreturn open("f", "rb").read().hex()', 'with open("f", "a") as f:\n  f.write("1")\nwith open("f", "a") as f:\n  f.write("2")\nreturn open("f").read()', 'open("nope")', 'try:\n  open("nope")\nexcept IOError as e:\n  return [e.errno, e.strerror, str(e), type(e).__name__]', 'open("nope/x", "w")', 'open("f", "q")', 'open("f", "rw")', 'with open("f", "w") as f:\n  f.write(5)', 'with open("f", "wb") as f:\n  f.write("x")', 'f = open("f", "w")\nf.close()\nf.write("x")', 'with open("f", "w") as f:\n  f.read()', 'with open("f", "w") as f: pass\nwith open("f") as f:\n  f.write("x")', 'import json\nwith open("f", "w") as f:\n  json.dump({"a": 1}, f)\nwith open("f") as f:\n  return json.load(f)', 'with open("f", "w") as f:\n  f.write("a\\r\\nb\\rc")\nreturn open("f").read()', 'with open("a", "w") as a, open("b", "w") as b:\n  a.write("1")\n  b.write("2")\nreturn open("a").read() + open("b").read()', 'with open("a", "w") as f:\n  f.write("x")\nreturn f.closed', 'with 5 as f: pass', 'open("f", "w").write("abcdef")\nf = open("f")\nreturn [f.read(2), f.readline(), f.read()]', 'open(5.5)', 'with open("f", "x") as f: f.write("1")\nwith open("f", "x") as f: f.write("1")',
    'x: int = 5\nreturn x', 'x: int\nreturn 1', 'return (1,\n        2)', 'if 1: return 1\nelse: return 2', 'for i in 1, 2, 3: deploy(i)', 'x = 1 if 0 else 2; y = 3\nreturn x + y', 'return not 1', 'return 1, 2', 'return *[1, 2], 3', 'return (yy for yy in [1])', 'print("a")\nreturn None', 'match = 5\nreturn match', 'case = type = 3\nreturn case', '_ = 5\nreturn _', '"""doc"""\nreturn 1', 'return "a" \\\n  "b"', 'a = {\n "x": 1, # c\n\n "y": 2,\n}\nreturn a', 'if (1 and\n    2):\n  return 3', 'while 1:\n  while 1:\n    break\n  break\nelse:\n  return 1\nreturn 2', 'try:\n  pass\nexcept:\n  pass\nelse:\n  return "e"\nfinally:\n  deploy("f")', 'def f(): yy = 1; return yy\nreturn f()', 'x = lambda: (yield_ := 5)\nreturn x()',
    "data = {'port': 80, 'hosts': ['a', 'b']}\nreturn deploy('-p {port} {hosts[0]}'.format(**data)).stdout", "cmd = 'x'\nif args.t and not args.no:\n  cmd += ' --flag'\nfor k, v in sorted(args.d.items()):\n  cmd += ' --{0}={1}'.format(k, v)\nreturn deploy(cmd).stdout", "res = []\nfor name in args.names:\n  r = deploy('%s:%d' % (name, len(name)))\n  if r.exitCode != 0 and r.stdout:\n    res.append((name, r.stdout))\nreturn res", "r = deploy()\nif r.exitCode == 0:\n  return r.stdout\nraise Exception('failed: ' + r.stderr)", "return dict((k, v) for k, v in args.items() if isinstance(v, int))", "nodes = ','.join('http://%s:%s' % (n, 2379 + i) for i, n in enumerate(args.names))\nreturn deploy(nodes).stdout", "return args.x + args.n", "return deploy(args.no).stdout", "return '{0}'.format(args.l)", "return str2('a').stdout", "return deploy('a' if args.t else 'b').stdout", "return list(map(lambda s: s.upper(), args.names))", "x = args.s.split()\nreturn deploy(*x).exitCode", "args['new'] = 1\nreturn args.new", "args.update(z=1)\nreturn args.z", "args.d['k'] = 2\nreturn args.d", "import json\nreturn json.loads(json.dumps(args)) == args",
    "def f():\n  raise ValueError('in f')\ntry:\n  f()\nexcept ValueError as e:\n  msg = str(e)\nreturn msg", "try:\n  raise KeyError('a')\nexcept LookupError as e:\n  return repr(e)", "e = ValueError('x')\ntry:\n  raise e\nexcept ValueError as g:\n  return g is e", "try:\n  int('x')\nexcept ValueError as e:\n  raise Exception('bad: %s' % e)", "errors = []\nfor v in ['1', 'x', None]:\n  try:\n    int(v)\n  except (ValueError, TypeError) as e:\n    errors.append(type(e).__name__ + ': ' + str(e))\nreturn errors",
    "a = 5\ndef f():\n  a = 1\n  return a\nreturn [f(), a]", "def f(x):\n  x = x + 1\n  return x\nreturn f(1)", "def outer():\n  v = []\n  def inner(x):\n    v.append(x)\n    return v\n  inner(1)\n  return inner(2)\nreturn outer()", "def f():\n  def g():\n    return zz\n  g()\n  zz = 1\nf()", "def f(n):\n  return 1 if n == 0 else n * f(n - 1)\nreturn f(25)", "x = 10\nreturn [x + y for y in range(3) for x in [y]]", "return [[x for x in range(n)] for n in range(3)]", "return (lambda f: f(f))(lambda g: 5)", "return [(lambda: v)() for v in range(3)]",
]

# What is not Python, or fails in the compiler: message and line.
SYNTAX = [
    '', '# nothing', '   \n  ', '\n', 'return (', 'return [1, 2', 'return {"a": 1', 'x = (1,\n2\nreturn x', 'return )', 'return (]', 'return (1]', 'x = [\n1\n)', "return 'abc", 'return "abc', 'return """abc', "x = '''a\nb", '  x = 1\nreturn x', 'x = 1\n  y = 2', 'if 1:\nreturn 1', 'if 1\n  return 1', 'for i in x\n  pass', 'while 1:\npass', 'def f():\nreturn 1', 'try:\n  pass', 'try:\n  pass\nreturn 1', 'else:\n  pass', 'x = ', 'x = 1 +', '1 = x', 'f() = 1', 'x + 1 = 2', '"a" = 1', 'None = 1', 'True = 1', 'x = 1 = y', '[1, x] = 1', 'if x = 1:\n  pass', 'for 1 in x: pass', 'for f() in x: pass', 'x += 1 += 2', 'f() += 1', '(a, b) += 1', 'del f()', 'del 1', 'break', 'continue', 'if 1: break', 'def f():\n  break', 'return 1 2', 'print "a"', 'print x', 'exec "a"', 'x = 1 if 2', 'f(a b)', 'f(1, 2 3)', '[1 2]', '{1: 2 3: 4}', '{1: }', 'f(a=1, 2)', 'f(**a, 1)', 'f(**a, *b)', 'f(a=1, a=2)', 'f(1=2)', 'f(True=1)', 'f(a.b=1)', 'f(x for x in y, 1)', 'lambda x: = 1', 'def f(a, a): pass', 'def f(a=1, b): pass', 'def f(*): pass', 'import', 'import 1', 'from json import', 'from json import *', 'except:\n  pass', 'try:\n  pass\nexcept A, B:\n  pass', 'try:\n  pass\nexcept:\n  pass\nexcept A:\n  pass', 'x = 08', 'x = 1abc', 'x = 0x', 'x = 0b2', 'x = 0o8', 'x = 1__0', 'x = 1_', 'x = $', 'x = ?', 'x = a!', 'x = \\ 1', 'x = \u201ca\u201d', 'x = a\u00a0b', "x = 'a' b'b'", "x = b'\u0430'", "x = '\\x4'", "x = '\\u12'", "x = b'\\x4'", "f'{'", "f'}'", "f'{}'", "f'{ }'", "f'{a b}'", "f'{a'", "f'{a!}'", "f'{a!x}'", "f'{a\\n}'", "f'{#}'", "f'{a:{b:{c}}}'", "f'{a)}'", "f'{(a}'", 'global x, 1', 'x = 1\nglobal x', 'def f(a):\n  global a', 'nonlocal x', 'def f():\n  nonlocal zz', 'x = *a', '*a = 1', 'a, *b, *c = 1', '(*a)', 'x = (*a)', '[*a for a in b]', 'a := 1', 'x = a := 1', '(a.b := 1)', 'return x y', 'if True:\n    x = 1\n  y = 2', 'with open("f") as 1: pass', 'x = {**a for a in b}', 'not', 'x = not', 'and 1', 'x = 1 and', 'a.1', 'a.', 'a[', 'a[]', 'a[1:2:3:4]', 'lambda', 'if', 'x = [1,,2]', 'x = (,)', 'class', 'raise a from', 'assert', 'del', 'return return', 'x = "a" "b', 'pass pass', 'args.pass', 'deploy(args.x', 'return deploy(args.x).stdout)', 'x = {1, 2: 3}', 'x = {1: 2, 3}', "return 'it's'", 'x == 1 = 2', 'for x in', 'for in x: pass', 'while: pass', 'if: pass', 'elif 1: pass', 'def', 'def f', 'def f()', 'x = @a', 'x =\n1', 'i++', 'x = y++', '++x = 1', 'a?b:c', 'x = 5 5', 'x = "a" 5', 'try: pass\nfinally: pass\nexcept: pass', 'a; ; b', ';', 'x = (1;2)',
]


def all_cases():
    for line in EXPRESSIONS.strip('\n').replace('"a\\\nb"', '"a\\\0b"').replace('"""multi\n', '"""multi\0').split('\n'):
        yield 'return ' + line.replace('\0', '\n'), ARGS
    for body in BODIES:
        yield body, ARGS
    for body in SYNTAX:
        yield body, {}
