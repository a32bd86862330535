package catalogue_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/schemas/catalogue"
	"github.com/ozonecloud/ozone/tests/golden"
	"github.com/ozonecloud/ozone/tests/wire"
)

// files are what is made from the table, below schemas/.
func files(t *testing.T) map[string]string {
	t.Helper()
	body, err := catalogue.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{"asyncapi.json": string(body)}
	for _, m := range catalogue.All() {
		body, err := m.Document()
		if err != nil {
			t.Fatal(err)
		}
		made[strings.TrimPrefix(m.Path(), "/schemas/")] = string(body)
	}
	return made
}

func TestTheFilesAreMadeFromTheTable(t *testing.T) {
	t.Parallel()
	made := files(t)
	for name, body := range made {
		golden.CompareFile(t, filepath.Join("..", name), body)
	}
	for _, family := range []catalogue.Family{catalogue.Commands, catalogue.Answers, catalogue.Events} {
		err := fs.WalkDir(os.DirFS(".."), string(family), func(path string, d fs.DirEntry, err error) error {
			if _, known := made[path]; err == nil && !d.IsDir() && !known {
				t.Errorf("schemas/%s: no message is of that type", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestEveryMessageHasItsSchema counts: a type in the table has one schema and one example, under the name that events have as dataschema.
func TestEveryMessageHasItsSchema(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range catalogue.All() {
		if seen[m.Type()] {
			t.Errorf("%s stands twice in the table", m.Type())
		}
		seen[m.Type()] = true
		body, err := schemas.Files.ReadFile(strings.TrimPrefix(m.Path(), "/schemas/"))
		var doc struct {
			ID       string `json:"$id"`
			Title    string
			Examples []json.RawMessage
		}
		if err == nil {
			err = json.Unmarshal(body, &doc)
		}
		if err != nil || doc.ID != m.Path() || doc.Title != m.Type() || len(doc.Examples) != 1 {
			t.Errorf("the schema of %s is %s, %s, %d examples, %v", m.Type(), doc.ID, doc.Title, len(doc.Examples), err)
		}
		if len(doc.Examples) == 1 {
			wire.Check(t, m.Type(), doc.Examples[0])
		}
	}
	t.Logf("%d types", len(seen))
}

// Every action that a tenant can order is a type of command; the others are the operator's, and one is asked for over HTTP alone.
func TestEveryActionIsATypeOfCommand(t *testing.T) {
	t.Parallel()
	others := []string{"server.suspend", "server.resume", "server.rescue", "server.unrescue", "operation.cancel"}
	var want []string
	for _, a := range constants(t)["Action"] {
		if !slices.Contains(others, a) {
			want = append(want, a)
		}
	}
	var got []string
	for _, a := range catalogue.CommandTypes() {
		got = append(got, string(a))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("commands are %v, actions are %v", got, want)
	}
}

func TestSchemasKnowEveryWord(t *testing.T) {
	t.Parallel()
	all := constants(t)
	for name, words := range catalogue.Words() {
		want := slices.DeleteFunc(all[name], func(w string) bool { return w == string(schemas.StatusFormer) })
		slices.Sort(words)
		slices.Sort(want)
		if !slices.Equal(words, want) {
			t.Errorf("the schemas have %s as %v, package schemas has %v", name, words, want)
		}
	}
}

// constants are the texts that package schemas has of each of its types.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	names, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Type == nil {
				return true
			}
			kind, _ := spec.Type.(*ast.Ident)
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok && kind != nil && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						all[kind.Name] = append(all[kind.Name], text)
					}
				}
			}
			return true
		})
	}
	return all
}
