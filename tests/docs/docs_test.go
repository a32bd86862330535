// Package docs_test holds the documents to what the code says.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the checkout, from this package's directory.
const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheSevenFilesOfARequestExist(t *testing.T) {
	named := regexp.MustCompile("(?m)^([0-9])\\. `([^`]+)`").FindAllStringSubmatch(read(t, "docs/architecture.md"), -1)
	if len(named) != 7 {
		t.Fatalf("docs/architecture.md numbers %d files, want 7: %v", len(named), named)
	}
	for _, m := range named {
		if info, err := os.Stat(filepath.Join(root, m[2])); err != nil || !info.Mode().IsRegular() {
			t.Errorf("docs/architecture.md, file %s: %s is not there", m[1], m[2])
		}
	}
}

// pages lists the documents.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, rel)
		}
	}
	return list
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(read(t, page), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: link to %s: it is not there", page, m[1])
				continue
			}
			if anchor != "" && !anchors(read(t, target))[anchor] {
				t.Errorf("%s: link to %s: no such heading", page, m[1])
			}
		}
	}
}

// anchors are the headings of a page as links name them.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		found[regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(name, "")] = true
	}
	return found
}

// TestEveryFileNamedExists looks at what the documents have in backquotes and looks like a path of this repository.
func TestEveryFileNamedExists(t *testing.T) {
	code := regexp.MustCompile("`((?:actors|bus|cmd|docs|edge|hosts|schemas|storage|tests)/[a-z0-9_./-]*|[a-z_]+\\.go)`")
	for _, page := range pages(t) {
		if page == "CHANGELOG.md" { // it may name what is gone
			continue
		}
		for _, m := range code.FindAllStringSubmatch(read(t, page), -1) {
			beside := filepath.Join(filepath.Dir(page), m[1])
			if _, err := os.Stat(filepath.Join(root, m[1])); err == nil {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, beside)); err != nil && !planned[m[1]] {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}

// planned are the folders that the documents speak of as not there yet.
var planned = map[string]bool{"bus/amqp": true, "hosts/qemu": true, "storage/postgres": true}
