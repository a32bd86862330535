package strictjson

import (
	"errors"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge/document"
)

func TestAmbiguousDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"empty":                     {"", errSyntax},
		"white space only":          {" \n", errSyntax},
		"broken":                    {`{"a":`, errSyntax},
		"trailing comma":            {`{"a":1,}`, errSyntax},
		"two documents":             {`{} {}`, errSyntax},
		"trailing text":             {`{}x`, errSyntax},
		"byte order mark":           {"\xef\xbb\xbf{}", errSyntax},
		"UTF-16":                    {"\xff\xfe{\x00}\x00", errUTF8},
		"bad UTF-8":                 {"{\"a\":\"\xc3\x28\"}", errUTF8},
		"overlong UTF-8":            {"{\"a\":\"\xc0\xaf\"}", errUTF8},
		"encoded surrogate":         {"{\"a\":\"\xed\xa0\x80\"}", errUTF8},
		"raw NUL":                   {"{\"a\":\"\x00\"}", errSyntax},
		"escaped NUL":               {`{"a":"\u0000"}`, errNUL},
		"escaped NUL in a name":     {`{"\u0000":1}`, errNUL},
		"high surrogate":            {`{"a":"\ud800"}`, errSurrogate},
		"high surrogate, then text": {`{"a":"\ud800x\udc00"}`, errSurrogate},
		"low surrogate":             {`{"a":"\uDC00"}`, errSurrogate},
		"two high surrogates":       {`{"a":"\ud83d\ud83d"}`, errSurrogate},
		"duplicate member":          {`{"a":1,"b":2,"a":3}`, errDuplicate},
		"duplicate by escape":       {`{"a":1,"\u0061":2}`, errDuplicate},
		"duplicate deep down":       {`[{"a":{"b":1,"b":1}}]`, errDuplicate},
		"too deep":                  {strings.Repeat("[", 33) + strings.Repeat("]", 33), errDepth},
		"far too deep":              {strings.Repeat("[", 10001) + strings.Repeat("]", 10001), errSyntax},
		"too long":                  {"[" + strings.Repeat("1,", 5000) + "1]", errTokens},
		"NaN":                       {`{"a":NaN}`, errSyntax},
		"single quotes":             {`{'a':1}`, errSyntax},
		"comment":                   {`{/**/}`, errSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v, err := Parse([]byte(c.body)); !errors.Is(err, c.want) {
				t.Errorf("Parse(%.60q) = %+v, %v, want %v", c.body, v, err, c.want)
			}
		})
	}
}

func TestDocumentsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	v, err := Parse([]byte(` {"server":{"Name":"x","name":"a\\\u00fc\ud83d\ude00\"","n":12,"q":"13","neg":-1,"big":1e400,"f":1.0,"t":true,"z":null,"l":[1,"2"]}} `))
	if err != nil {
		t.Fatal(err)
	}
	s, ok := v.Member("server")
	if !ok || s.Kind != document.Object || s.Len() != 10 {
		t.Fatalf("server = %+v, %v, want an object of 10", s, ok)
	}
	name, _ := s.Given("name")
	if got, ok := name.Text(); !ok || got != "a\\ü😀\"" {
		t.Errorf("name = %q, %v", got, ok)
	}
	for member, want := range map[string]int64{"n": 12, "q": 13, "neg": -1} {
		m, _ := s.Member(member)
		if got, ok := m.Int(); !ok || got != want {
			t.Errorf("%s = %d, %v, want %d", member, got, ok, want)
		}
	}
	for _, member := range []string{"big", "f", "t", "z", "l", "none", "Name"} {
		m, _ := s.Member(member)
		if got, ok := m.Int(); ok {
			t.Errorf("%s = %d, want no whole number", member, got)
		}
	}
	if _, ok := s.Given("z"); ok {
		t.Error("null counts as given")
	}
	if l, _ := s.Member("l"); l.Kind != document.Array || len(l.Items()) != 2 {
		t.Errorf("l = %+v, want two items", l)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,"\ud83d\ude00",null,true]}`, `"\u"`, `[[[]]]`, `{"a":1,"a":2}`, `"\\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err == nil && v.Len() > MaxTokens {
			t.Errorf("Parse(%q) has %d parts", data, v.Len())
		}
	})
}
