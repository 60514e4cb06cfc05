package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill returns the bill of materials of a built program, in CycloneDX's JSON: the modules
// that Go linked into it, as the program itself says, and Go's standard library. It has no
// time and no random number, so the same program has the same bill.
func bill(name string, built []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(built))
	if err != nil {
		return nil, fmt.Errorf("read what %s was built from: %w", name, err)
	}
	sum := sha256.Sum256(built)
	main := cdx.Component{
		BOMRef: name, Type: cdx.ComponentTypeApplication, Name: name, Version: version(info.Main),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	parts := []cdx.Component{{
		BOMRef: "pkg:golang/std@" + goVersion, Type: cdx.ComponentTypeLibrary, Name: "std", Version: goVersion,
		PackageURL: "pkg:golang/std@" + goVersion,
	}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		part, err := component(m)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	depends := make([]string, len(parts))
	for i, p := range parts {
		depends[i] = p.BOMRef
	}
	b := cdx.NewBOM()
	b.Metadata = &cdx.Metadata{Component: &main}
	b.Components = &parts
	b.Dependencies = &[]cdx.Dependency{{Ref: name, Dependencies: &depends}}
	var text bytes.Buffer
	err = cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(b, cdx.SpecVersion1_6)
	return text.Bytes(), err
}

// component is a module with the checksum by which Go knows it (h1, a SHA-256 over its
// files).
func component(m *debug.Module) (cdx.Component, error) {
	ref := "pkg:golang/" + m.Path + "@" + m.Version
	c := cdx.Component{BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: ref}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil || len(sum) != sha256.Size {
		return c, fmt.Errorf("module %s has the checksum %q", m.Path, m.Sum)
	}
	c.Properties = &[]cdx.Property{{Name: "cim:go:sum", Value: m.Sum}}
	return c, nil
}

// version is that of the source; a build from a folder has none.
func version(m debug.Module) string {
	if m.Version == "(devel)" {
		return ""
	}
	return m.Version
}
