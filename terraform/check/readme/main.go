// Command readme writes the tables of variables and outputs into the README.md of
// each module of terraform/, between the marks; with -check it only says which
// differ.
//
//	go run ./readme [-check] ..
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// begin and end stand around what is made.
const (
	begin = "<!-- made by terraform/check/readme -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if something would be written")
	flag.Parse()
	if err := run(flag.Arg(0), *check); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func run(folder string, check bool) error {
	var mains []string
	for _, pattern := range []string{"modules/*", "aws", "local", "local/process", "examples/*"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern, "main.tf"))
		if err != nil {
			return err
		}
		mains = append(mains, found...)
	}
	if len(mains) == 0 {
		return fmt.Errorf("no modules in %q", folder)
	}
	for _, path := range mains {
		if err := update(filepath.Dir(path), check); err != nil {
			return err
		}
	}
	return nil
}

// update makes one README.
func update(dir string, check bool) error {
	tables, err := tables(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "README.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(old, []byte(begin))
	_, tail, ok1 := bytes.Cut(rest, []byte(end))
	if !ok || !ok1 {
		return fmt.Errorf("%s lacks the marks %q and %q", path, begin, end)
	}
	made := slices.Concat(head, []byte(begin), tables, []byte(end), tail)
	switch {
	case bytes.Equal(old, made):
		return nil
	case check:
		return fmt.Errorf("%s is not what the code says: go run ./readme .. in terraform/check", path)
	}
	return os.WriteFile(path, made, 0o644)
}

// tables returns the variables and outputs in the order of the files.
func tables(dir string) ([]byte, error) {
	var variables, outputs bytes.Buffer
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		file, diags := hclparse.NewParser().ParseHCL(text, path)
		if diags.HasErrors() {
			return nil, diags
		}
		for _, b := range file.Body.(*hclsyntax.Body).Blocks {
			source := func(name string) string {
				a := b.Body.Attributes[name]
				if a == nil {
					return ""
				}
				r := a.Expr.Range()
				return string(text[r.Start.Byte:r.End.Byte])
			}
			switch b.Type {
			case "variable":
				fmt.Fprintf(&variables, "| `%s` | %s | %s | %s |\n", b.Labels[0], code(source("type")), standard(source("default")), prose(source("description")))
			case "output":
				fmt.Fprintf(&outputs, "| `%s` | %s |\n", b.Labels[0], prose(source("description")))
			}
		}
	}
	var out bytes.Buffer
	if variables.Len() > 0 {
		fmt.Fprintf(&out, "\n| variable | type | default | |\n|---|---|---|---|\n%s", &variables)
	}
	if outputs.Len() > 0 {
		fmt.Fprintf(&out, "\n| output | |\n|---|---|\n%s", &outputs)
	}
	out.WriteString("\n")
	return out.Bytes(), nil
}

func standard(source string) string {
	if source == "" {
		return "required"
	}
	return code(source)
}

// code puts an expression on one line of a table.
func code(source string) string {
	one := strings.Join(strings.Fields(source), " ")
	return "`" + strings.ReplaceAll(one, "|", `\|`) + "`"
}

// prose is a string of HCL without its quotes.
func prose(source string) string {
	text := strings.Trim(source, `"`)
	return strings.ReplaceAll(strings.ReplaceAll(text, `\"`, `"`), "|", `\|`)
}
