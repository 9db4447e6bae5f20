// SPDX-License-Identifier: Apache-2.0

package body

import (
	"errors"
	"fmt"
)

// An Exception is an exception that a Body raised and did not catch, or that
// its own code causes. Error is what str(e) is in CPython.
type Exception struct {
	Class string  // ValueError, KeyError, ...
	Args  []Value // what it was made with
	cause error   // the Go error a script returned, if that is where it came from
	text  string  // overrides str(e) where a class makes its text of more than Args
}

// Error is str(e).
func (e *Exception) Error() string {
	switch {
	case e.text != "":
		return e.text
	case len(e.Args) == 0:
		return ""
	case len(e.Args) > 1:
		return reprText(&Tuple{e.Args})
	case e.Class == "KeyError":
		return reprText(e.Args[0])
	}
	return strText(e.Args[0])
}

// Unwrap gives the error of the script that caused e; nil where a Body's own
// code did.
func (e *Exception) Unwrap() error { return e.cause }

func (e *Exception) typeName() string { return e.Class }

// A LimitError says that a Body asked for more than its Limits allow. A Body
// cannot catch it.
type LimitError struct {
	What  string // steps, bytes, depth, integer
	Bound int64
}

func (e *LimitError) Error() string {
	switch e.What {
	case "steps":
		return fmt.Sprintf("the Body took more than %d steps; end its loop, or do the work in a script", e.Bound)
	case "bytes":
		return fmt.Sprintf("the Body made values of more than %d bytes; keep large data in a script or a file", e.Bound)
	case "depth":
		return fmt.Sprintf("the Body nests calls or values deeper than %d", e.Bound)
	}
	return fmt.Sprintf("the Body made an integer of more than %d bits", e.Bound)
}

func raise(class, format string, a ...any) *Exception {
	return &Exception{Class: class, Args: []Value{fmt.Sprintf(format, a...)}}
}

func typeError(format string, a ...any) error  { return raise("TypeError", format, a...) }
func valueError(format string, a ...any) error { return raise("ValueError", format, a...) }
func keyError(key Value) error                 { return &Exception{Class: "KeyError", Args: []Value{key}} }

// classParents is CPython's tree of exceptions as far as a Body can meet it.
func classParent(class string) (string, bool) {
	switch class {
	case "BaseException":
		return "", true
	case "Exception", "SystemExit", "KeyboardInterrupt", "GeneratorExit":
		return "BaseException", true
	case "ArithmeticError", "AssertionError", "AttributeError", "EOFError", "ImportError", "LookupError",
		"MemoryError", "NameError", "OSError", "RuntimeError", "StopIteration", "SyntaxError", "TypeError",
		"ValueError", "Warning", "BufferError", "ReferenceError", "SystemError", "StopAsyncIteration", "CustomException":
		return "Exception", true
	case "ZeroDivisionError", "OverflowError", "FloatingPointError":
		return "ArithmeticError", true
	case "KeyError", "IndexError":
		return "LookupError", true
	case "UnboundLocalError":
		return "NameError", true
	case "ModuleNotFoundError":
		return "ImportError", true
	case "FileNotFoundError", "FileExistsError", "PermissionError", "IsADirectoryError", "NotADirectoryError",
		"TimeoutError", "ConnectionError", "BlockingIOError", "ChildProcessError", "InterruptedError", "ProcessLookupError":
		return "OSError", true
	case "BrokenPipeError", "ConnectionAbortedError", "ConnectionRefusedError", "ConnectionResetError":
		return "ConnectionError", true
	case "NotImplementedError", "RecursionError":
		return "RuntimeError", true
	case "IndentationError":
		return "SyntaxError", true
	case "TabError":
		return "IndentationError", true
	case "UnicodeError", "JSONDecodeError", "Error":
		return "ValueError", true
	case "UnicodeDecodeError", "UnicodeEncodeError", "UnicodeTranslateError":
		return "UnicodeError", true
	case "UnsupportedOperation":
		return "OSError", true
	case "DeprecationWarning", "UserWarning", "RuntimeWarning", "SyntaxWarning", "FutureWarning":
		return "Warning", true
	}
	return "", false
}

// classIs tells whether class is parent or below it.
func classIs(class, parent string) bool {
	for class != "" {
		if class == parent {
			return true
		}
		if class == "UnsupportedOperation" && parent == "ValueError" {
			return true
		}
		class, _ = classParent(class)
	}
	return false
}

// caught gives the exception that an except clause sees for err; false for
// what a Body cannot catch: its own bounds and the end of the context.
func caught(err error) (*Exception, bool) {
	if e, ok := err.(*Exception); ok {
		return e, true
	}
	var uncatchable *uncatchableError
	var limit *LimitError
	if errors.As(err, &uncatchable) || errors.As(err, &limit) {
		return nil, false
	}
	return &Exception{Class: "CustomException", Args: []Value{err.Error()}, cause: err}, true
}

// uncatchableError is the end of the context: no except clause sees it.
type uncatchableError struct{ err error }

func (e *uncatchableError) Error() string { return e.err.Error() }
func (e *uncatchableError) Unwrap() error { return e.err }
