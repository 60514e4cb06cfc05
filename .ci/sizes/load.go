package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pkg is a package of the module.
type pkg struct {
	path             string // within the module
	files, functions []sized
	arrows           map[arrow]bool
}

// arrow says that file from uses an object that file to declares.
type arrow struct{ from, to string }

// room is the top folder of the package.
func (p pkg) room() string {
	room, _, _ := strings.Cut(p.path, "/")
	return room
}

// listed is what `go list -json` prints of a package.
type listed struct {
	ImportPath string
	Dir        string
	Export     string
	GoFiles    []string
	DepOnly    bool
	Module     *struct{ Path string }
}

// load reads and type-checks all packages of the module, for this system.
func load() (packages []pkg, err error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly,Module", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	var ours []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		exports[l.ImportPath] = l.Export
		if !l.DepOnly {
			ours = append(ours, l)
		}
	}
	set := token.NewFileSet()
	imports := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, l := range ours {
		p, err := check(set, imports, l)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

func check(set *token.FileSet, imports types.Importer, l listed) (pkg, error) {
	p := pkg{path: strings.TrimPrefix(l.ImportPath, l.Module.Path+"/"), arrows: map[arrow]bool{}}
	var files []*ast.File
	generated := map[string]bool{}
	for _, name := range l.GoFiles {
		file, err := parser.ParseFile(set, filepath.Join(l.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return p, err
		}
		files = append(files, file)
		if generated[name] = ast.IsGenerated(file); !generated[name] {
			p.measure(set, file)
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	checked, err := (&types.Config{Importer: imports}).Check(l.ImportPath, set, files, info)
	if err != nil {
		return p, fmt.Errorf("check %s: %w", l.ImportPath, err)
	}
	for ident, object := range info.Uses {
		if object.Pkg() != checked {
			continue
		}
		from, to := base(set, ident.Pos()), base(set, object.Pos())
		if from != to && !generated[from] && !generated[to] {
			p.arrows[arrow{from, to}] = true
		}
	}
	return p, nil
}

// measure adds the sizes of a file and of its functions.
func (p *pkg) measure(set *token.FileSet, file *ast.File) {
	name := p.path + "/" + base(set, file.Package)
	p.files = append(p.files, sized{name, set.File(file.Package).LineCount()})
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			lines := set.Position(f.Body.Rbrace).Line - set.Position(f.Body.Lbrace).Line + 1
			p.functions = append(p.functions, sized{name + ":" + f.Name.Name, lines})
		}
	}
}

func base(set *token.FileSet, pos token.Pos) string { return filepath.Base(set.Position(pos).Filename) }
