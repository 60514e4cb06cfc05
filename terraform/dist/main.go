package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// A program is built from a folder of the module and has a name in its zip.
type program struct {
	folder string
	name   string // of the zip
	file   string // in the zip
	tags   string
}

var programs = []program{
	{folder: "./node/cim-server", name: "cim-server", file: "cim-server"},
	{folder: "./routefn/cim-route", name: "cim-route", file: "bootstrap", tags: "lambda.norpc"},
	{folder: "./client/cim", name: "cim", file: "cim"},
}

func main() {
	out := flag.String("out", "dist", "`folder` for the zips, made if missing")
	arches := flag.String("arch", "amd64,arm64", "`architectures`, comma-separated")
	only := flag.String("only", "", "build just this `program`; empty: all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, strings.Split(*arches, ","), *only); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// run writes the zips, their bills of materials and the sums of both into out.
func run(ctx context.Context, out string, arches []string, only string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, arch := range arches {
		for _, p := range programs {
			if only != "" && p.name != only {
				continue
			}
			name := fmt.Sprintf("%s_linux_%s.zip", p.name, arch)
			packed, parts, err := p.pack(ctx, arch)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for _, f := range []struct {
				name string
				body []byte
			}{{name, packed}, {strings.TrimSuffix(name, ".zip") + ".cdx.json", parts}} {
				if err := os.WriteFile(filepath.Join(out, f.name), f.body, 0o644); err != nil {
					return err
				}
				fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(f.body), f.name)
			}
		}
	}
	if sums.Len() == 0 {
		return fmt.Errorf("there is no program %q", only)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums.Bytes(), 0o644)
}

// pack builds p and returns it as a zip, with its bill of materials.
func (p program) pack(ctx context.Context, arch string) (packed, parts []byte, err error) {
	dir, err := os.MkdirTemp("", "cim-dist-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	built := filepath.Join(dir, p.file)
	if err := p.build(ctx, arch, built); err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(built)
	if err != nil {
		return nil, nil, err
	}
	if parts, err = bill(p.name, b); err != nil {
		return nil, nil, err
	}
	packed, err = zipped(p.file, b)
	return packed, parts, err
}

// build compiles p without anything of this machine: no paths, no state of the
// version control, no C.
func (p program) build(ctx context.Context, arch, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", p.tags,
		"-ldflags", "-s -w -buildid=", "-o", path, p.folder)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
