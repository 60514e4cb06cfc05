// Command cut writes the part of a provider's schema that our modules use:
//
//	terraform providers schema -json >full.json     # in a folder with the real provider
//	go run ./cut full.json .. >schema/aws.json
//
// Run it when a module uses another type. full.json may be gzipped. Its output is derived
// from the provider's own data.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cim-go/cim/terraform/check/pin"
	"github.com/cim-go/cim/terraform/check/schema"
)

func main() {
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: cut FULL.json[.gz] FOLDER")
		os.Exit(2)
	}
	if err := run(os.Stdout, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, full, folder string) error {
	document, err := read(full)
	if err != nil {
		return err
	}
	p := document.Providers[schema.Source]
	if p == nil {
		return fmt.Errorf("%s has no %s", full, schema.Source)
	}
	used, err := types(folder)
	if err != nil {
		return err
	}
	p.Version = pin.Provider
	if err := p.Keep(used["resource"], used["data"], used["ephemeral"]); err != nil {
		return err
	}
	restore(p)
	b, err := json.Marshal(document)
	if err != nil {
		return err
	}
	b = bytes.ReplaceAll(b, []byte(`"aws_`), []byte("\n"+`"aws_`)) // a line a type, for whoever compares
	_, err = w.Write(append(b, '\n'))
	return err
}

// described are the types whose description is an argument, and whether it is
// required. Records from which descriptions were dropped, to make them small, often
// lack these arguments, too.
var described = map[string]bool{
	"aws_apigatewayv2_api":                false,
	"aws_elasticache_parameter_group":     false,
	"aws_elasticache_replication_group":   true,
	"aws_elasticache_subnet_group":        false,
	"aws_iam_role":                        false,
	"aws_lambda_alias":                    false,
	"aws_lambda_function":                 false,
	"aws_launch_template":                 false,
	"aws_network_interface":               false,
	"aws_secretsmanager_secret":           false,
	"aws_security_group":                  false,
	"aws_vpc_security_group_egress_rule":  false,
	"aws_vpc_security_group_ingress_rule": false,
}

// restore adds what the record lacks of described.
func restore(p *schema.Provider) {
	for name, required := range described {
		s, ok := p.Resources[name]
		if _, has := s.Block.Attributes["description"]; ok && !has {
			s.Block.Attributes["description"] = schema.Attribute{Type: json.RawMessage(`"string"`), Required: required, Optional: !required}
		}
	}
}

func read(path string) (*schema.Document, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			return nil, err
		}
	}
	var document schema.Document
	return &document, json.NewDecoder(r).Decode(&document)
}

var header = regexp.MustCompile(`(?m)^(resource|data|ephemeral) "(aws_\w+)"`)

// types returns the types that the files in folder name, by kind.
func types(folder string) (map[string]map[string]bool, error) {
	used := map[string]map[string]bool{"resource": {}, "data": {}, "ephemeral": {}}
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".tf" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range header.FindAllStringSubmatch(string(text), -1) {
			used[match[1]][match[2]] = true
		}
		return err
	})
	return used, err
}
