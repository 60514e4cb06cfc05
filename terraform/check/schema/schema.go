// Package schema reads what a provider declares: its resources and their
// arguments, as `terraform providers schema -json` tells them. aws.json is the
// part that our modules use.
package schema

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

//go:embed aws.json
var aws []byte

// Source is the provider's address.
const Source = "registry.terraform.io/hashicorp/aws"

// Document is the whole of what terraform prints.
type Document struct {
	FormatVersion string               `json:"format_version"`
	Providers     map[string]*Provider `json:"provider_schemas"`
}

// Provider has everything by its type's name.
type Provider struct {
	Version   string            `json:"x_version,omitempty"` // of the provider; terraform does not tell it, the cut does
	Config    *Schema           `json:"provider"`
	Resources map[string]Schema `json:"resource_schemas"`
	Data      map[string]Schema `json:"data_source_schemas"`
	Ephemeral map[string]Schema `json:"ephemeral_resource_schemas"`
}

// Schema is one type's.
type Schema struct {
	Version int64 `json:"version"`
	Block   Block `json:"block"`
}

// Block has arguments and further blocks.
type Block struct {
	Attributes map[string]Attribute `json:"attributes,omitempty"`
	Blocks     map[string]Nested    `json:"block_types,omitempty"`
	Deprecated bool                 `json:"deprecated,omitempty"`
}

// Attribute is an argument, a result or both.
type Attribute struct {
	Type       json.RawMessage `json:"type"`
	Required   bool            `json:"required,omitempty"`
	Optional   bool            `json:"optional,omitempty"`
	Computed   bool            `json:"computed,omitempty"`
	Sensitive  bool            `json:"sensitive,omitempty"`
	WriteOnly  bool            `json:"write_only,omitempty"`
	Deprecated bool            `json:"deprecated,omitempty"`
}

// Nested is a block inside of another.
type Nested struct {
	Mode  string `json:"nesting_mode"` // single, list or set
	Block Block  `json:"block"`
	Min   int64  `json:"min_items,omitempty"`
	Max   int64  `json:"max_items,omitempty"`
}

// AWS returns the recorded part.
func AWS() (*Provider, error) {
	var document Document
	if err := json.Unmarshal(aws, &document); err != nil {
		return nil, fmt.Errorf("read the recorded schema: %w", err)
	}
	p := document.Providers[Source]
	if p == nil {
		return nil, errors.New("the recorded schema is not of " + Source)
	}
	return p, nil
}

// Keep drops every type that is not named. A name that the provider does not have
// is an error.
func (p *Provider) Keep(resources, data, ephemeral map[string]bool) error {
	return errors.Join(
		keep(p.Resources, resources, "resource"),
		keep(p.Data, data, "data source"),
		keep(p.Ephemeral, ephemeral, "ephemeral resource"))
}

func keep(all map[string]Schema, names map[string]bool, kind string) (err error) {
	for name := range names {
		if _, ok := all[name]; !ok {
			err = errors.Join(err, fmt.Errorf("the provider has no %s %s", kind, name))
		}
	}
	maps.DeleteFunc(all, func(name string, _ Schema) bool { return !names[name] })
	return err
}
