package schemas

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// CleanText tells whether s can be stored and shown anywhere: valid UTF-8 without NUL.
func CleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
