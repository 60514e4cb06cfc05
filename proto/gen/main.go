// Command gen writes the Go code of the .proto files.
//
// It is protoc and protoc-gen-go in one process, both pinned by go.mod, so that
// the generated code is the same on every machine without installing anything.
// Run it with `go generate ./proto`; `-check` only compares.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// sources are given relative to the folder of the proto package.
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
	for name, content := range files {
		if err := write(filepath.Join(dir, name), content, check); err != nil {
			return err
		}
	}
	return nil
}

// generate compiles the sources and returns the Go files by name.
func generate(dir string) (map[string]string, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{dir}}),
		SourceInfoMode: protocompile.SourceInfoStandard, // comments become Go comments
	}
	linked, err := compiler.Compile(context.Background(), sources...)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: sources,
		Parameter:      proto.String("paths=source_relative"),
	}
	for _, file := range linked {
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(file))
	}
	// The request goes through bytes once, as it would between two programs:
	// protogen expects options in their plain Go types.
	request, err = reencode(request)
	if err != nil {
		return nil, err
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
	files := make(map[string]string)
	for _, file := range plugin.Response().GetFile() {
		name := path.Clean(strings.TrimPrefix(file.GetName(), "proto/"))
		files[name] = file.GetContent()
	}
	return files, nil
}

func reencode(in *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorRequest, error) {
	b, err := proto.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	out := new(pluginpb.CodeGeneratorRequest)
	if err := proto.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	for _, file := range out.ProtoFile {
		if file.Options == nil {
			file.Options = new(descriptorpb.FileOptions)
		}
	}
	return out, nil
}

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
