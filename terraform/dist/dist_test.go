package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// The second run has another folder for its output and for its temporary files,
// and its files have another time.
func TestTwoRunsGiveTheSameBytes(t *testing.T) {
	t.Chdir("../..")
	var runs [2]map[string][]byte
	for i := range runs {
		t.Setenv("TMPDIR", t.TempDir())
		out := filepath.Join(t.TempDir(), "dist")
		if err := run(t.Context(), out, []string{"amd64"}, "cim-route"); err != nil {
			t.Fatal(err)
		}
		runs[i] = make(map[string][]byte)
		for _, name := range []string{"cim-route_linux_amd64.zip", bomOfRoute, "SHA256SUMS"} {
			b, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			runs[i][name] = b
		}
	}
	for name, first := range runs[0] {
		if !bytes.Equal(first, runs[1][name]) {
			t.Errorf("%s of two runs differ", name)
		}
	}
	packed := runs[0]["cim-route_linux_amd64.zip"]
	checkZip(t, packed)
	checkBill(t, runs[0][bomOfRoute])
	want := fmt.Sprintf("%x  cim-route_linux_amd64.zip\n%x  %s\n", sha256.Sum256(packed), sha256.Sum256(runs[0][bomOfRoute]), bomOfRoute)
	if got := string(runs[0]["SHA256SUMS"]); got != want {
		t.Errorf("SHA256SUMS is %q, want %q", got, want)
	}
}

const bomOfRoute = "cim-route_linux_amd64.cdx.json"

// checkBill holds the bill of materials against what NOTICE says of a route.
func checkBill(t *testing.T, text []byte) {
	t.Helper()
	var b cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&b); err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]cdx.Component)
	for _, c := range *b.Components {
		listed[c.Name] = c
	}
	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range listed {
		if name != "std" && !bytes.Contains(notice, []byte("  "+name+"\n")) {
			t.Errorf("NOTICE has no %s", name)
		}
		if c.Version == "" || c.PackageURL == "" {
			t.Errorf("%s has the version %q and the URL %q", name, c.Version, c.PackageURL)
		}
	}
	for _, name := range []string{"std", "github.com/redis/go-redis/v9", "golang.org/x/crypto", "google.golang.org/protobuf"} {
		if _, ok := listed[name]; !ok {
			t.Errorf("%s is not listed", name)
		}
	}
	if b.Metadata.Component.Name != "cim-route" || b.Metadata.Timestamp != "" || b.SerialNumber != "" {
		t.Errorf("metadata: %+v, %q", b.Metadata, b.SerialNumber)
	}
}

// checkZip holds the zip against what Lambda wants, and against what would tell
// of the machine that built it.
func checkZip(t *testing.T, packed []byte) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" {
		t.Fatalf("zip has %d files, the first is %q; want only bootstrap", len(r.File), r.File[0].Name)
	}
	if f := r.File[0]; f.Mode() != 0o755 || !f.Modified.Equal(epoch) {
		t.Errorf("bootstrap has mode %v and time %v, want 0755 and %v", f.Mode(), f.Modified, epoch)
	}
	file, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(program, []byte(here+"/routefn")) {
		t.Errorf("the program has the folder it was built in: %s", here)
	}
	binary, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the program needs %v (%v), want nothing", libraries, err)
	}
}

func TestUnknownProgramIsAnError(t *testing.T) {
	if err := run(t.Context(), t.TempDir(), []string{"amd64"}, "nothing"); err == nil {
		t.Error("want an error")
	}
}
