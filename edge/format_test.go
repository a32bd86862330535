package edge

import "testing"

func TestAcceptChoosesTheFormat(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":                                       false,
		"*/*":                                    false,
		"application/*":                          false,
		"text/html":                              false,
		"text/xml":                               false,
		"application/json":                       false,
		"application/xml":                        true,
		"Application/XML":                        true,
		"application/xml; charset=utf-8":         true,
		"application/xml;q=0.5":                  true,
		"application/xml;q=0":                    false,
		"application/xml;q=0, */*":               false,
		"application/json;q=0, */*":              true,
		"application/xml, */*":                   true,
		"*/*, application/xml":                   true,
		"application/xml, application/*":         true,
		"application/xml;q=0.9, */*;q=0.8":       true,
		"application/xml;q=0.8, */*;q=0.9":       false,
		"application/xml, application/json":      true,
		"application/json, application/xml":      false,
		"application/json;q=0.5,application/xml": true,
		"application/xml;q=0.5,application/json": false,
		"application/xml;q=0.5, application/xml": true,
		"application/json;q=.2, */*;q=.3":        true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"application/xml;Q=0.3 , application/json;q=0.2":                  true,
		"application/xml;q=x":                        true,
		"application/xml;q=NaN, application/json":    true,
		"application/json;q=-1, application/xml;q=2": false,
		",,;q=1,/":         false,
		"application/xmlx": false,
	} {
		if got := prefersXML([]byte(accept)); got != want {
			t.Errorf("prefersXML(%q) = %t, want %t", accept, got, want)
		}
	}
}
