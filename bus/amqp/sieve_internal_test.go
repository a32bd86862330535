package amqp

import "testing"

func TestOfATableTheValuesWithoutPartsAreKept(t *testing.T) {
	t.Parallel()
	const text, number = "\x01tS\x00\x00\x00\x02ab", "\x01nI\x00\x00\x00\x07"
	for name, c := range map[string]struct{ table, want string }{
		"nothing":            {"", ""},
		"all":                {text + number, text + number},
		"a list between":     {text + "\x01lA\x00\x00\x00\x01V" + number, text + number},
		"a table between":    {text + "\x00F\x00\x00\x00\x00" + number, text + number},
		"an L between":       {text + "\x01xL12345678" + number, text + number},
		"an unknown type":    {text + "\x01xZ", ""},
		"a name that lies":   {"\xffx", ""},
		"a text that lies":   {"\x01tS\xff\xff\xff\xffab", ""},
		"a number cut off":   {"\x01nI\x00", ""},
		"a length cut off":   {"\x01tS\x00\x00", ""},
		"a name and no more": {"\x01n", ""},
	} {
		if got := string(scalars([]byte(c.table))); got != c.want {
			t.Errorf("%s: scalars(%q) = %q, want %q", name, c.table, got, c.want)
		}
	}
}
