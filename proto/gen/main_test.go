package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratedCodeIsCurrent is what `gen -check` says in CI, here for those who
// only run the tests.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	if err := run("..", true); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesEveryStaleFileAndWritesNothing(t *testing.T) {
	dir := copyOfProto(t)
	edit(t, filepath.Join(dir, "cim.proto"), "string ticket = 16;", "string ticket = 99;")
	edit(t, filepath.Join(dir, "token", "token.proto"), "int64 user = 1;", "int64 who = 1;")
	before := contents(t, dir)

	err := run(dir, true)
	if err == nil {
		t.Fatal("check passed although two .proto files changed")
	}
	for _, name := range []string{"cim.pb.go", "token.pb.go"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("check does not name %s: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "hop.pb.go") {
		t.Errorf("check names hop.pb.go, which is current: %v", err)
	}
	if after := contents(t, dir); !maps.Equal(before, after) {
		t.Error("check changed files")
	}
}

func TestGenerateMendsWhatCheckRefuses(t *testing.T) {
	dir := copyOfProto(t)
	if err := os.Remove(filepath.Join(dir, "hop.pb.go")); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err == nil {
		t.Fatal("check passed although hop.pb.go is missing")
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Errorf("check after generating: %v", err)
	}
}

func TestBrokenProtoIsAnError(t *testing.T) {
	dir := copyOfProto(t)
	edit(t, filepath.Join(dir, "cim.proto"), "int64 request_id = 2;", "int64 request_id = 1;") // tag 1 twice
	if err := run(dir, false); err == nil {
		t.Error("two fields with one tag were compiled")
	}
}

// copyOfProto copies the .proto files and the generated ones.
func copyOfProto(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, source := range sources {
		for _, name := range []string{source, strings.TrimSuffix(source, ".proto") + ".pb.go"} {
			b, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func edit(t *testing.T, name, from, to string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), from) {
		t.Fatalf("%s has no %q", name, from)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	for _, source := range sources {
		for _, name := range []string{source, strings.TrimSuffix(source, ".proto") + ".pb.go"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(b)
		}
	}
	return files
}
