// SPDX-License-Identifier: Apache-2.0

package body

// The special cases of Unicode 14.0, where one character becomes several, or
// folds to another than its lower case. From SpecialCasing.txt and
// CaseFolding.txt, as CPython 3.11 applies them.

// upperSpecial is the upper case of a character where it is longer than one.
func upperSpecial(r rune) string {
	switch r {
	case 0xdf:
		return "\u0053\u0053"
	case 0x149:
		return "\u02bc\u004e"
	case 0x1f0:
		return "\u004a\u030c"
	case 0x390, 0x1fd3:
		return "\u0399\u0308\u0301"
	case 0x3b0, 0x1fe3:
		return "\u03a5\u0308\u0301"
	case 0x587:
		return "\u0535\u0552"
	case 0x1e96:
		return "\u0048\u0331"
	case 0x1e97:
		return "\u0054\u0308"
	case 0x1e98:
		return "\u0057\u030a"
	case 0x1e99:
		return "\u0059\u030a"
	case 0x1e9a:
		return "\u0041\u02be"
	case 0x1f50:
		return "\u03a5\u0313"
	case 0x1f52:
		return "\u03a5\u0313\u0300"
	case 0x1f54:
		return "\u03a5\u0313\u0301"
	case 0x1f56:
		return "\u03a5\u0313\u0342"
	case 0x1f80, 0x1f88:
		return "\u1f08\u0399"
	case 0x1f81, 0x1f89:
		return "\u1f09\u0399"
	case 0x1f82, 0x1f8a:
		return "\u1f0a\u0399"
	case 0x1f83, 0x1f8b:
		return "\u1f0b\u0399"
	case 0x1f84, 0x1f8c:
		return "\u1f0c\u0399"
	case 0x1f85, 0x1f8d:
		return "\u1f0d\u0399"
	case 0x1f86, 0x1f8e:
		return "\u1f0e\u0399"
	case 0x1f87, 0x1f8f:
		return "\u1f0f\u0399"
	case 0x1f90, 0x1f98:
		return "\u1f28\u0399"
	case 0x1f91, 0x1f99:
		return "\u1f29\u0399"
	case 0x1f92, 0x1f9a:
		return "\u1f2a\u0399"
	case 0x1f93, 0x1f9b:
		return "\u1f2b\u0399"
	case 0x1f94, 0x1f9c:
		return "\u1f2c\u0399"
	case 0x1f95, 0x1f9d:
		return "\u1f2d\u0399"
	case 0x1f96, 0x1f9e:
		return "\u1f2e\u0399"
	case 0x1f97, 0x1f9f:
		return "\u1f2f\u0399"
	case 0x1fa0, 0x1fa8:
		return "\u1f68\u0399"
	case 0x1fa1, 0x1fa9:
		return "\u1f69\u0399"
	case 0x1fa2, 0x1faa:
		return "\u1f6a\u0399"
	case 0x1fa3, 0x1fab:
		return "\u1f6b\u0399"
	case 0x1fa4, 0x1fac:
		return "\u1f6c\u0399"
	case 0x1fa5, 0x1fad:
		return "\u1f6d\u0399"
	case 0x1fa6, 0x1fae:
		return "\u1f6e\u0399"
	case 0x1fa7, 0x1faf:
		return "\u1f6f\u0399"
	case 0x1fb2:
		return "\u1fba\u0399"
	case 0x1fb3, 0x1fbc:
		return "\u0391\u0399"
	case 0x1fb4:
		return "\u0386\u0399"
	case 0x1fb6:
		return "\u0391\u0342"
	case 0x1fb7:
		return "\u0391\u0342\u0399"
	case 0x1fc2:
		return "\u1fca\u0399"
	case 0x1fc3, 0x1fcc:
		return "\u0397\u0399"
	case 0x1fc4:
		return "\u0389\u0399"
	case 0x1fc6:
		return "\u0397\u0342"
	case 0x1fc7:
		return "\u0397\u0342\u0399"
	case 0x1fd2:
		return "\u0399\u0308\u0300"
	case 0x1fd6:
		return "\u0399\u0342"
	case 0x1fd7:
		return "\u0399\u0308\u0342"
	case 0x1fe2:
		return "\u03a5\u0308\u0300"
	case 0x1fe4:
		return "\u03a1\u0313"
	case 0x1fe6:
		return "\u03a5\u0342"
	case 0x1fe7:
		return "\u03a5\u0308\u0342"
	case 0x1ff2:
		return "\u1ffa\u0399"
	case 0x1ff3, 0x1ffc:
		return "\u03a9\u0399"
	case 0x1ff4:
		return "\u038f\u0399"
	case 0x1ff6:
		return "\u03a9\u0342"
	case 0x1ff7:
		return "\u03a9\u0342\u0399"
	case 0xfb00:
		return "\u0046\u0046"
	case 0xfb01:
		return "\u0046\u0049"
	case 0xfb02:
		return "\u0046\u004c"
	case 0xfb03:
		return "\u0046\u0046\u0049"
	case 0xfb04:
		return "\u0046\u0046\u004c"
	case 0xfb05, 0xfb06:
		return "\u0053\u0054"
	case 0xfb13:
		return "\u0544\u0546"
	case 0xfb14:
		return "\u0544\u0535"
	case 0xfb15:
		return "\u0544\u053b"
	case 0xfb16:
		return "\u054e\u0546"
	case 0xfb17:
		return "\u0544\u053d"
	}
	return ""
}

// titleSpecial is the title case of a character where it is longer than one.
func titleSpecial(r rune) string {
	switch r {
	case 0xdf:
		return "\u0053\u0073"
	case 0x149:
		return "\u02bc\u004e"
	case 0x1f0:
		return "\u004a\u030c"
	case 0x390, 0x1fd3:
		return "\u0399\u0308\u0301"
	case 0x3b0, 0x1fe3:
		return "\u03a5\u0308\u0301"
	case 0x587:
		return "\u0535\u0582"
	case 0x1e96:
		return "\u0048\u0331"
	case 0x1e97:
		return "\u0054\u0308"
	case 0x1e98:
		return "\u0057\u030a"
	case 0x1e99:
		return "\u0059\u030a"
	case 0x1e9a:
		return "\u0041\u02be"
	case 0x1f50:
		return "\u03a5\u0313"
	case 0x1f52:
		return "\u03a5\u0313\u0300"
	case 0x1f54:
		return "\u03a5\u0313\u0301"
	case 0x1f56:
		return "\u03a5\u0313\u0342"
	case 0x1fb2:
		return "\u1fba\u0345"
	case 0x1fb4:
		return "\u0386\u0345"
	case 0x1fb6:
		return "\u0391\u0342"
	case 0x1fb7:
		return "\u0391\u0342\u0345"
	case 0x1fc2:
		return "\u1fca\u0345"
	case 0x1fc4:
		return "\u0389\u0345"
	case 0x1fc6:
		return "\u0397\u0342"
	case 0x1fc7:
		return "\u0397\u0342\u0345"
	case 0x1fd2:
		return "\u0399\u0308\u0300"
	case 0x1fd6:
		return "\u0399\u0342"
	case 0x1fd7:
		return "\u0399\u0308\u0342"
	case 0x1fe2:
		return "\u03a5\u0308\u0300"
	case 0x1fe4:
		return "\u03a1\u0313"
	case 0x1fe6:
		return "\u03a5\u0342"
	case 0x1fe7:
		return "\u03a5\u0308\u0342"
	case 0x1ff2:
		return "\u1ffa\u0345"
	case 0x1ff4:
		return "\u038f\u0345"
	case 0x1ff6:
		return "\u03a9\u0342"
	case 0x1ff7:
		return "\u03a9\u0342\u0345"
	case 0xfb00:
		return "\u0046\u0066"
	case 0xfb01:
		return "\u0046\u0069"
	case 0xfb02:
		return "\u0046\u006c"
	case 0xfb03:
		return "\u0046\u0066\u0069"
	case 0xfb04:
		return "\u0046\u0066\u006c"
	case 0xfb05, 0xfb06:
		return "\u0053\u0074"
	case 0xfb13:
		return "\u0544\u0576"
	case 0xfb14:
		return "\u0544\u0565"
	case 0xfb15:
		return "\u0544\u056b"
	case 0xfb16:
		return "\u054e\u0576"
	case 0xfb17:
		return "\u0544\u056d"
	}
	return ""
}

// foldSpecial is the case folding of a character where it is not its lower case.
func foldSpecial(r rune) string {
	switch r {
	case 0xb5:
		return "\u03bc"
	case 0xdf, 0x1e9e:
		return "\u0073\u0073"
	case 0x149:
		return "\u02bc\u006e"
	case 0x17f:
		return "\u0073"
	case 0x1f0:
		return "\u006a\u030c"
	case 0x345, 0x1fbe:
		return "\u03b9"
	case 0x390, 0x1fd3:
		return "\u03b9\u0308\u0301"
	case 0x3b0, 0x1fe3:
		return "\u03c5\u0308\u0301"
	case 0x3c2:
		return "\u03c3"
	case 0x3d0:
		return "\u03b2"
	case 0x3d1:
		return "\u03b8"
	case 0x3d5:
		return "\u03c6"
	case 0x3d6:
		return "\u03c0"
	case 0x3f0:
		return "\u03ba"
	case 0x3f1:
		return "\u03c1"
	case 0x3f5:
		return "\u03b5"
	case 0x587:
		return "\u0565\u0582"
	case 0x1c80:
		return "\u0432"
	case 0x1c81:
		return "\u0434"
	case 0x1c82:
		return "\u043e"
	case 0x1c83:
		return "\u0441"
	case 0x1c84, 0x1c85:
		return "\u0442"
	case 0x1c86:
		return "\u044a"
	case 0x1c87:
		return "\u0463"
	case 0x1c88:
		return "\ua64b"
	case 0x1e96:
		return "\u0068\u0331"
	case 0x1e97:
		return "\u0074\u0308"
	case 0x1e98:
		return "\u0077\u030a"
	case 0x1e99:
		return "\u0079\u030a"
	case 0x1e9a:
		return "\u0061\u02be"
	case 0x1e9b:
		return "\u1e61"
	case 0x1f50:
		return "\u03c5\u0313"
	case 0x1f52:
		return "\u03c5\u0313\u0300"
	case 0x1f54:
		return "\u03c5\u0313\u0301"
	case 0x1f56:
		return "\u03c5\u0313\u0342"
	case 0x1f80, 0x1f88:
		return "\u1f00\u03b9"
	case 0x1f81, 0x1f89:
		return "\u1f01\u03b9"
	case 0x1f82, 0x1f8a:
		return "\u1f02\u03b9"
	case 0x1f83, 0x1f8b:
		return "\u1f03\u03b9"
	case 0x1f84, 0x1f8c:
		return "\u1f04\u03b9"
	case 0x1f85, 0x1f8d:
		return "\u1f05\u03b9"
	case 0x1f86, 0x1f8e:
		return "\u1f06\u03b9"
	case 0x1f87, 0x1f8f:
		return "\u1f07\u03b9"
	case 0x1f90, 0x1f98:
		return "\u1f20\u03b9"
	case 0x1f91, 0x1f99:
		return "\u1f21\u03b9"
	case 0x1f92, 0x1f9a:
		return "\u1f22\u03b9"
	case 0x1f93, 0x1f9b:
		return "\u1f23\u03b9"
	case 0x1f94, 0x1f9c:
		return "\u1f24\u03b9"
	case 0x1f95, 0x1f9d:
		return "\u1f25\u03b9"
	case 0x1f96, 0x1f9e:
		return "\u1f26\u03b9"
	case 0x1f97, 0x1f9f:
		return "\u1f27\u03b9"
	case 0x1fa0, 0x1fa8:
		return "\u1f60\u03b9"
	case 0x1fa1, 0x1fa9:
		return "\u1f61\u03b9"
	case 0x1fa2, 0x1faa:
		return "\u1f62\u03b9"
	case 0x1fa3, 0x1fab:
		return "\u1f63\u03b9"
	case 0x1fa4, 0x1fac:
		return "\u1f64\u03b9"
	case 0x1fa5, 0x1fad:
		return "\u1f65\u03b9"
	case 0x1fa6, 0x1fae:
		return "\u1f66\u03b9"
	case 0x1fa7, 0x1faf:
		return "\u1f67\u03b9"
	case 0x1fb2:
		return "\u1f70\u03b9"
	case 0x1fb3, 0x1fbc:
		return "\u03b1\u03b9"
	case 0x1fb4:
		return "\u03ac\u03b9"
	case 0x1fb6:
		return "\u03b1\u0342"
	case 0x1fb7:
		return "\u03b1\u0342\u03b9"
	case 0x1fc2:
		return "\u1f74\u03b9"
	case 0x1fc3, 0x1fcc:
		return "\u03b7\u03b9"
	case 0x1fc4:
		return "\u03ae\u03b9"
	case 0x1fc6:
		return "\u03b7\u0342"
	case 0x1fc7:
		return "\u03b7\u0342\u03b9"
	case 0x1fd2:
		return "\u03b9\u0308\u0300"
	case 0x1fd6:
		return "\u03b9\u0342"
	case 0x1fd7:
		return "\u03b9\u0308\u0342"
	case 0x1fe2:
		return "\u03c5\u0308\u0300"
	case 0x1fe4:
		return "\u03c1\u0313"
	case 0x1fe6:
		return "\u03c5\u0342"
	case 0x1fe7:
		return "\u03c5\u0308\u0342"
	case 0x1ff2:
		return "\u1f7c\u03b9"
	case 0x1ff3, 0x1ffc:
		return "\u03c9\u03b9"
	case 0x1ff4:
		return "\u03ce\u03b9"
	case 0x1ff6:
		return "\u03c9\u0342"
	case 0x1ff7:
		return "\u03c9\u0342\u03b9"
	case 0xfb00:
		return "\u0066\u0066"
	case 0xfb01:
		return "\u0066\u0069"
	case 0xfb02:
		return "\u0066\u006c"
	case 0xfb03:
		return "\u0066\u0066\u0069"
	case 0xfb04:
		return "\u0066\u0066\u006c"
	case 0xfb05, 0xfb06:
		return "\u0073\u0074"
	case 0xfb13:
		return "\u0574\u0576"
	case 0xfb14:
		return "\u0574\u0565"
	case 0xfb15:
		return "\u0574\u056b"
	case 0xfb16:
		return "\u057e\u0576"
	case 0xfb17:
		return "\u0574\u056d"
	}
	return ""
}
