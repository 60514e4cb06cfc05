// Command gen writes the Go code of the .proto files.
//
// It runs protoc's compiler and protoc-gen-go in one process. Both are pinned by go.mod.
// So the generated code is the same on every machine, and nothing has to be installed.
// Run it with `go generate ./proto`; `-check` only compares.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/pluginpb"
)

// sources has paths relative to the folder of package proto.
var sources = []string{"cim.proto", "hop.proto", "token/token.proto"}

func main() {
	dir := flag.String("dir", ".", "folder of the proto package")
	check := flag.Bool("check", false, "compare with what is there and write nothing")
	flag.Parse()
	if err := run(*dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string, check bool) error {
	files, err := generate(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range files {
		errs = append(errs, write(filepath.Join(dir, file.GetName()), file.GetContent(), check))
	}
	return errors.Join(errs...)
}

// generate compiles the sources and returns the Go files, in their order.
func generate(dir string) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	version, err := compilerVersion()
	if err != nil {
		return nil, err
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}}),
		SourceInfoMode: protocompile.SourceInfoStandard, // so that comments become Go comments
	}
	linked, err := compiler.Compile(context.Background(), sources...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate:  sources,
		Parameter:       proto.String("paths=source_relative"),
		CompilerVersion: version,
	}
	for _, file := range linked {
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(file))
	}
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	for _, file := range plugin.Files {
		if file.Generate {
			internal_gengo.GenerateFile(plugin, file)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		return nil, fmt.Errorf("generate: %s", response.GetError())
	}
	return response.GetFile(), nil
}

// compilerVersion returns the compiler's version for the headers of generated files.
// Its suffix says that the compiler was not protoc.
func compilerVersion() (*pluginpb.Version, error) {
	const module = "github.com/bufbuild/protocompile"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("find compiler version: built without modules")
	}
	for _, dep := range info.Deps {
		if dep.Path != module {
			continue
		}
		var major, minor, patch int32
		if _, err := fmt.Sscanf(dep.Version, "v%d.%d.%d", &major, &minor, &patch); err != nil {
			return nil, fmt.Errorf("find compiler version in %s: %w", dep.Version, err)
		}
		return &pluginpb.Version{Major: &major, Minor: &minor, Patch: &patch, Suffix: proto.String("protocompile")}, nil
	}
	return nil, fmt.Errorf("find compiler version: %s is not built in", module)
}

// write writes content to the file, or only compares if check is true. It does not
// touch a file that has this content already.
func write(name, content string, check bool) error {
	old, err := os.ReadFile(name)
	if err == nil && bytes.Equal(old, []byte(content)) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is not what its .proto gives; run go generate ./proto", name)
	}
	return os.WriteFile(name, []byte(content), 0o644)
}
