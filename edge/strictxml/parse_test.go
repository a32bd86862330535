package strictxml

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestAmbiguousDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	lol := `<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>`
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"empty":                          {"", errSyntax},
		"white space only":               {" \n", errSyntax},
		"text":                           {"hello", errText},
		"JSON":                           {`{"a":1}`, errText},
		"cut off":                        {"<a><b>", errSyntax},
		"cut off in a tag":               {"<a b", errSyntax},
		"wrong end":                      {"<a></b>", errSyntax},
		"wrong prefix at the end":        {`<p:a xmlns:p="x" xmlns:q="x"></q:a>`, errSyntax},
		"end alone":                      {"</a>", errSyntax},
		"two roots":                      {"<a/><b/>", errSyntax},
		"text before":                    {"x<a/>", errText},
		"text behind":                    {"<a/>x", errText},
		"entity behind":                  {"<a/>&#120;", errText},
		"document type":                  {"<!DOCTYPE a><a/>", errInstructs},
		"document type behind":           {"<a/><!DOCTYPE a>", errInstructs},
		"billion laughs":                 {lol, errInstructs},
		"external entity":                {`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, errInstructs},
		"entity inside":                  {"<a><!ENTITY x 'y'></a>", errInstructs},
		"unknown entity":                 {"<a>&x;</a>", errSyntax},
		"HTML entity":                    {"<a>&nbsp;</a>", errSyntax},
		"entity in an attribute":         {`<a b="&x;"/>`, errSyntax},
		"style sheet":                    {`<?xml-stylesheet href="x"?><a/>`, errInstructs},
		"instruction inside":             {"<a><?php x?></a>", errInstructs},
		"late declaration":               {`<a><?xml version="1.0"?></a>`, errInstructs},
		"declaration behind white space": {` <?xml version="1.0"?><a/>`, errInstructs},
		"two declarations":               {`<?xml version="1.0"?><?xml version="1.0"?><a/>`, errInstructs},
		"XML 1.1":                        {`<?xml version="1.1"?><a/>`, errSyntax},
		"Latin-1":                        {`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, errEncoding},
		"UTF-7":                          {`<?xml version="1.0" encoding="utf-7"?><a/>`, errEncoding},
		"encoding without quotes":        {`<?xml version="1.0" encoding=utf-16?><a/>`, errEncoding},
		"encoding before version":        {`<?xml encoding="utf-8" version="1.0"?><a/>`, errEncoding},
		"UTF-16":                         {"\xff\xfe<\x00a\x00/\x00>\x00", errUTF8},
		"UTF-16 without a mark":          {"<\x00a\x00/\x00>\x00", errCharacter},
		"bad UTF-8":                      {"<a>\xc3\x28</a>", errUTF8},
		"overlong UTF-8":                 {"<a>\xc0\xaf</a>", errUTF8},
		"encoded surrogate":              {"<a>\xed\xa0\x80</a>", errUTF8},
		"NUL":                            {"<a>\x00</a>", errCharacter},
		"NUL in a comment":               {"<a><!--\x00--></a>", errCharacter},
		"NUL by number":                  {"<a>&#0;</a>", errSyntax},
		"bell by number":                 {`<a b="&#7;"/>`, errSyntax},
		"surrogate by number":            {"<a>&#xD800;</a>", errSurrogate},
		"last surrogate by number":       {"<a>&#x00dFfF;</a>", errSurrogate},
		"surrogate by decimal number":    {`<a b="&#55296;"/>`, errSurrogate},
		"last surrogate by decimal":      {"<a>&#057343;</a>", errSurrogate},
		"surrogate in the middle":        {"<a>&#55399;</a>", errSurrogate},
		"U+FFFF":                         {"<a>\uffff</a>", errCharacter},
		"U+FFFF by number":               {"<a>&#xFFFF;</a>", errSyntax},
		"number too large":               {"<a>&#x110000;</a>", errSyntax},
		"attribute twice":                {`<a b="1" b="2"/>`, errDuplicate},
		"attribute twice by prefix":      {`<a xmlns:p="x" xmlns:q="x" p:b="1" q:b="2"/>`, errDuplicate},
		"namespace twice":                {`<a xmlns="x" xmlns="y"/>`, errDuplicate},
		"attribute without quotes":       {`<a b=1/>`, errSyntax},
		"attribute without value":        {`<a b/>`, errSyntax},
		"bracket in an attribute":        {`<a b="<"/>`, errSyntax},
		"bare ampersand":                 {`<a>&</a>`, errSyntax},
		"]]> in text":                    {`<a>]]></a>`, errSyntax},
		"-- in a comment":                {`<a><!-- -- --></a>`, errSyntax},
		"too deep":                       {strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17), errDepth},
		"far too deep":                   {strings.Repeat("<a>", 100000), errDepth},
		"too long":                       {"<a>" + strings.Repeat("<b/>", 2048) + "</a>", errTokens},
		"too long a text":                {"<a>" + strings.Repeat("<!---->", 4096) + "</a>", errTokens},
		"20,000 attributes":              {"<a " + strings.Repeat(`b="" `, 20000) + "/>", errAttributes},
		"too many attributes in all":     {"<a>" + strings.Repeat("<b "+attributes(64)+"/>", 63) + "</a>", errTokens},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if e, err := Parse([]byte(c.body)); !errors.Is(err, c.want) {
				t.Errorf("Parse(%.80q) = %+v, %v, want %v", c.body, e, err, c.want)
			}
		})
	}
}

// attributes are n different ones.
func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("b", i) + `=""`)
	}
	return b.String()
}

func TestDocumentsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	want := &Element{Space: "urn:x", Name: "a", Text: "onetwo\ud7ff\ue000 <>&\"' three", Attributes: []Attribute{{"b", "1 ü\n"}, {"c", ""}}, Children: []*Element{
		{Space: "urn:x", Name: "d", Text: "😀"}, {Space: "urn:y", Name: "d"}, {Name: "e"},
	}}
	for _, body := range []string{
		`<?xml version="1.0" encoding="US-ASCII"?><a xmlns="urn:x" b="1 &#xFC;&#10;" c=''>one<d>&#128512;</d><d xmlns="urn:y"/>two&#55295;&#xE000; &lt;>&amp;&quot;&apos;<e xmlns=""/> three</a>`,
		"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8' standalone=\"yes\" ?>\n<!-- a --><p:a xmlns:p=\"urn:x\" xmlns:q=\"urn:y\" b=\"1 ü&#xA;\" c=\"\" q:c=\"z\" xml:lang=\"en\">o<!-- b -->ne" +
			"<p:d>😀</p:d><q:d></q:d><![CDATA[two\ud7ff\ue000 <>&\"' ]]><e/>three</p:a>\r\n<!-- c -->",
	} {
		if got, err := Parse([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", body, got, err, want)
		}
	}
	deep := strings.Repeat("<a>", MaxDepth) + strings.Repeat("</a>", MaxDepth)
	if _, err := Parse([]byte(deep)); err != nil {
		t.Errorf("Parse of %d levels: %v", MaxDepth, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`<a/>`, `<?xml version="1.0"?><a b="c">d<e/></a>`, `<!DOCTYPE a><a>&x;</a>`, `<p:a xmlns:p="q"><![CDATA[x]]></p:a>`, `<a b="1" b="2"/>`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := Parse(data)
		if err == nil && count(t, root, 1) > MaxTokens {
			t.Errorf("Parse(%q) has too many parts", data)
		}
	})
}

func count(t *testing.T, e *Element, depth int) int {
	t.Helper()
	if depth > MaxDepth || len(e.Attributes) > MaxAttributes {
		t.Errorf("%+v is beyond the bounds", e)
	}
	n := 1 + len(e.Attributes)
	for _, child := range e.Children {
		n += count(t, child, depth+1)
	}
	return n
}
