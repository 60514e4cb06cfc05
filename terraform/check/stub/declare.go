package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cim-go/cim/terraform/check/schema"
)

// declare turns the recorded schema into the protocol's.
func declare(p *schema.Provider) (*tfprotov5.GetProviderSchemaResponse, error) {
	config, err := declareSchema(*p.Config)
	if err != nil {
		return nil, err
	}
	answer := &tfprotov5.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov5.ServerCapabilities{GetProviderSchemaOptional: true},
		Provider:           config,
	}
	if answer.ResourceSchemas, err = declareAll(p.Resources); err != nil {
		return nil, err
	}
	if answer.DataSourceSchemas, err = declareAll(p.Data); err != nil {
		return nil, err
	}
	answer.EphemeralResourceSchemas, err = declareAll(p.Ephemeral)
	return answer, err
}

func declareAll(all map[string]schema.Schema) (map[string]*tfprotov5.Schema, error) {
	declared := make(map[string]*tfprotov5.Schema, len(all))
	for name, s := range all {
		d, err := declareSchema(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		declared[name] = d
	}
	return declared, nil
}

func declareSchema(s schema.Schema) (*tfprotov5.Schema, error) {
	block, err := declareBlock(s.Block)
	return &tfprotov5.Schema{Version: s.Version, Block: block}, err
}

func declareBlock(b schema.Block) (*tfprotov5.SchemaBlock, error) {
	declared := &tfprotov5.SchemaBlock{Deprecated: b.Deprecated}
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		a := b.Attributes[name]
		//lint:ignore SA1019 its JSON comes from terraform
		kind, err := tftypes.ParseJSONType(a.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		declared.Attributes = append(declared.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: kind, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
			Sensitive: a.Sensitive, WriteOnly: a.WriteOnly, Deprecated: a.Deprecated,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		n := b.Blocks[name]
		mode, ok := modes[n.Mode]
		if !ok {
			return nil, fmt.Errorf("%s: unknown nesting mode %q", name, n.Mode)
		}
		block, err := declareBlock(n.Block)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		declared.BlockTypes = append(declared.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Block: block, Nesting: mode, MinItems: n.Min, MaxItems: n.Max,
		})
	}
	return declared, nil
}

var modes = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
}
