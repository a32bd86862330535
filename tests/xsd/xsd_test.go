// Package xsd_test holds the XML that leaves and enters a node to the schemas in schemas/v10 and schemas/ozone.
package xsd_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

// root is the checkout, from this package's directory.
const root = "../.."

// grammars are the schemas by the namespace that they describe.
var grammars = map[string]string{
	"http://docs.rackspacecloud.com/servers/api/v1.0": "schemas/v10/v10.xsd",
	"urn:ozone:v1": "schemas/ozone/ozone.xsd",
}

// validate runs xmllint over documents of one namespace and gives what it says about those that are not valid.
func validate(t *testing.T, namespace string, documents []string) (complaints string) {
	t.Helper()
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatalf("%v; tests/rig/install.sh installs it", err)
	}
	dir := t.TempDir()
	args := []string{"--nonet", "--noout", "--schema", filepath.Join(root, grammars[namespace])}
	for i, doc := range documents {
		path := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
		if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.CommandContext(t.Context(), lint, args...).CombinedOutput()
	if err == nil {
		return ""
	}
	for i, doc := range documents {
		if strings.Contains(string(out), fmt.Sprintf("/%d.xml fails to validate", i)) {
			complaints += doc + "\n"
		}
	}
	return complaints + string(out)
}

// golden are the XML documents of the golden files of edge, requests and answers.
func golden(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "edge/testdata/*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var documents []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "\n\n") {
			if strings.HasPrefix(part, "<") {
				documents = append(documents, part)
			}
		}
	}
	return documents
}

// name is the name of a document's root element.
func name(t *testing.T, document string) xml.Name {
	t.Helper()
	var r struct{ XMLName xml.Name }
	if err := xml.Unmarshal([]byte(document), &r); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return r.XMLName
}

func TestEveryGoldenDocumentIsValid(t *testing.T) {
	byNamespace := map[string][]string{}
	seen := map[xml.Name]bool{}
	for _, doc := range golden(t) {
		n := name(t, doc)
		seen[n] = true
		byNamespace[n.Space] = append(byNamespace[n.Space], doc)
	}
	for namespace, documents := range byNamespace {
		if grammars[namespace] == "" {
			t.Errorf("no schema for the namespace %q of %s", namespace, documents[0])
			continue
		}
		if complaints := validate(t, namespace, documents); complaints != "" {
			t.Errorf("not valid:\n%s", complaints)
		}
	}
	for namespace, path := range grammars {
		for _, element := range declared(t, path) {
			if !seen[xml.Name{Space: namespace, Local: element}] {
				t.Errorf("%s declares the element %s, which no golden file has", path, element)
			}
		}
	}
}

// schema is what the tests look at of a schema.
type schema struct {
	Includes []struct {
		Path string `xml:"schemaLocation,attr"`
	} `xml:"include"`
	Elements []struct {
		Name string `xml:"name,attr"`
	} `xml:"element"`
	Types []struct {
		Name   string `xml:"name,attr"`
		Values []struct {
			Value string `xml:"value,attr"`
		} `xml:"restriction>enumeration"`
	} `xml:"simpleType"`
}

func readSchema(t *testing.T, path string) schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := xml.Unmarshal(text, &s); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return s
}

// declared are the elements that a schema and its parts allow as a root.
func declared(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	s := readSchema(t, path)
	for _, i := range s.Includes {
		names = append(names, declared(t, filepath.Join(filepath.Dir(path), i.Path))...)
	}
	for _, e := range s.Elements {
		names = append(names, e.Name)
	}
	return names
}

// TestWrongDocumentsAreNotValid proves that the judge bites.
func TestWrongDocumentsAreNotValid(t *testing.T) {
	for _, wrong := range []string{
		`<server XMLNS id="0"/>`,
		`<server XMLNS id="1" colour="red"/>`,
		`<server XMLNS status="ASLEEP"/>`,
		`<server XMLNS progress="101"/>`,
		`<server XMLNS hostId="host-1"/>`,
		`<server XMLNS><addresses><public/></addresses><metadata/></server>`,
		`<server XMLNS><metadata><meta>x</meta></metadata></server>`,
		`<server XMLNS><metadata>` + strings.Repeat(`<meta key="k">v</meta>`, 6) + `</metadata></server>`,
		`<server XMLNS><personality><file>YQ==</file></personality></server>`,
		`<addresses XMLNS><private/></addresses>`,
		`<public XMLNS><ip>198.18.0.1</ip></public>`,
		`<reboot XMLNS type="soft"/>`,
		`<resize XMLNS/>`,
		`<backupSchedule XMLNS weekly="DISABLED" daily="DISABLED"/>`,
		`<backupSchedule XMLNS enabled="yes"/>`,
		`<backupSchedule XMLNS enabled="true" weekly="Thursday"/>`,
		`<backupSchedule XMLNS enabled="true" daily="H_0100_0300"/>`,
		`<confirmResize XMLNS><x/></confirmResize>`,
		`<flavor XMLNS id="1"/>`,
		`<image XMLNS created="yesterday"/>`,
		`<limits XMLNS><absolute/></limits>`,
		`<limits XMLNS><rate><limit verb="POST" URI="*" regex=".*" value="10" remaining="2" unit="WEEK" resetTime="1"/></rate><absolute/></limits>`,
		`<limits XMLNS><rate/><absolute><limit name="maxTotalRAMSize" value="1"/></absolute></limits>`,
		`<itemNotFound XMLNS><message>x</message></itemNotFound>`,
		`<itemNotFound XMLNS code="404"/>`,
		`<itemNotFound XMLNS code="404" retryAfter="2026-01-02T03:05:35Z"><message>x</message></itemNotFound>`,
		`<explode XMLNS/>`,
		`<server/>`,
	} {
		const namespace = "http://docs.rackspacecloud.com/servers/api/v1.0"
		wrong = strings.Replace(wrong, "XMLNS", `xmlns="`+namespace+`"`, 1)
		if validate(t, namespace, []string{wrong}) == "" {
			t.Errorf("%s is valid", wrong)
		}
	}
}

func TestEveryStatusIsInItsSchema(t *testing.T) {
	known := map[string][]string{}
	for _, path := range []string{"schemas/v10/servers.xsd", "schemas/v10/images.xsd", "schemas/v10/backup_schedules.xsd"} {
		for _, kind := range readSchema(t, path).Types {
			for _, v := range kind.Values {
				known[kind.Name] = append(known[kind.Name], v.Value)
			}
		}
	}
	for _, row := range schemas.ServerTable() {
		if row.To != schemas.StatusFormer && !slices.Contains(known["ServerStatus"], string(row.To)) {
			t.Errorf("schemas/v10/servers.xsd has no status %s", row.To)
		}
	}
	for _, row := range schemas.ImageTable() {
		if slices.Contains(known["ImageStatus"], string(row.To)) == (row.To == schemas.ImageDeleted) { // v1.0 shows no deleted image
			t.Errorf("schemas/v10/images.xsd: status %s", row.To)
		}
	}
	for _, day := range known["BackupDay"] {
		if !schemas.BackupDay(day).Valid() {
			t.Errorf("schemas/v10/backup_schedules.xsd has the day %s, which nobody knows", day)
		}
	}
	for _, window := range known["BackupWindow"] {
		if !schemas.BackupWindow(window).Valid() {
			t.Errorf("schemas/v10/backup_schedules.xsd has the window %s, which nobody knows", window)
		}
	}
	if days, windows := len(known["BackupDay"]), len(known["BackupWindow"]); days != 8 || windows != 13 {
		t.Errorf("schemas/v10/backup_schedules.xsd has %d days and %d windows, want 8 and 13", days, windows)
	}
}
