package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cim-go/cim/terraform/check/workspace"
)

// Where things are, from terraform/check.
const (
	sources   = ".."
	mainTree  = "../.."
	standsIns = "testdata"
)

// modulesHold validates every module with the real provider, and runs the mocked
// tests with its schema and its rules about values.
func modulesHold(ctx context.Context, r *report, t tools, dir string) error {
	w, err := bare(filepath.Join(dir, "valid"), t)
	if err != nil {
		return err
	}
	modules, err := workspace.Modules(sources)
	if err != nil {
		return err
	}
	for _, module := range modules {
		if module == workspace.Inner {
			r.say(module, validated, "as a part of aws")
			continue
		}
		r.yes(r.step(ctx, "validate "+module, func() error { return w.Valid(ctx, module) }), module, validated)
	}
	if w, err = bare(filepath.Join(dir, "mocked"), t); err != nil {
		return err
	}
	if err := w.StandIn(workspace.Inner, standsIns); err != nil {
		return err
	}
	tested, err := w.Tested()
	if err != nil {
		return err
	}
	for _, module := range tested {
		r.yes(r.step(ctx, "test "+module, func() error { return w.Mocked(ctx, module) }), module, mocked)
	}
	return nil
}

// bare is a workspace whose artifacts are stand-ins.
func bare(dir string, t tools) (*workspace.Workspace, error) {
	w, err := workspace.New(dir, sources, t.mirror)
	if err != nil {
		return nil, err
	}
	return w, w.PlaceHolders()
}

// emulatedHolds plans every root, and applies, asks, plans again and destroys aws.
func emulatedHolds(ctx context.Context, r *report, t tools, dir string) error {
	w, err := workspace.New(filepath.Join(dir, "emulated"), sources, t.mirror)
	if err != nil {
		return err
	}
	built := r.step(ctx, "make dist", func() error {
		if err := makeDist(ctx, mainTree, filepath.Join(w.Dir, "dist")); err != nil {
			return err
		}
		return makeCIM(ctx, mainTree, filepath.Join(w.Dir, "bin/cim"))
	})
	if !built {
		return nil
	}
	c, err := startCloud(ctx, w.Dir, t)
	if err != nil {
		return err
	}
	defer c.Stop()
	w.Env = c.Env(w.Env)
	plans(ctx, r, w)
	return deployed(ctx, r, &deployment{work: w, cloud: c})
}

// plans plans each root with what it must be told and nothing else, with the store and the alarms that are not applied
// later. The provider checks every value. The emulator gets requests only for resources
// that exist already.
func plans(ctx context.Context, r *report, w *workspace.Workspace) {
	for _, module := range []string{"examples/store", "examples/trial", root} {
		r.step(ctx, "plan "+module, func() error {
			p, err := planOf(ctx, w, module)
			if err != nil {
				return err
			}
			n := p.made()
			if module != root {
				n = map[string]int{module: n[root]}
			}
			r.count(n, planned)
			return nil
		})
	}
}

func planOf(ctx context.Context, w *workspace.Workspace, module string) (p plan, err error) {
	if _, err := w.Terraform(ctx, module, "init", "-input=false"); err != nil {
		return p, err
	}
	args := []string{"plan", "-input=false", "-out=default.plan"}
	if module == root {
		args = append(args, "-var=region="+region, `-var=tls={domain="`+domain+`",zone_id="Z0123456789",secret_arn="arn:aws:secretsmanager:`+region+`:123456789012:secret:tls"}`)
	}
	if _, err := w.Terraform(ctx, module, args...); err != nil {
		return p, err
	}
	text, err := w.Terraform(ctx, module, "show", "-json", "default.plan")
	if err != nil {
		return p, err
	}
	return parsePlan(text)
}

// deployed applies the root and holds the claims against what is there then.
func deployed(ctx context.Context, r *report, d *deployment) error {
	defer d.Close()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	applied := r.step(ctx, "apply "+root, func() error { return d.apply(ctx) })
	if applied {
		n := d.state.made()
		r.count(n, emulated)
		fmt.Fprintf(r.log, "%s has %d resources\n", root, n[root])
		hold(ctx, r, d, claims)
		r.step(ctx, "a second plan changes nothing but what differences.txt has", func() error { return d.settled(ctx) })
		if r.step(ctx, "apply "+root+" with a key for each process", func() error { return d.identify(ctx) }) {
			hold(ctx, r, d, identified)
		}
	}
	r.step(ctx, "destroy "+root, func() error { return d.destroy(ctx) })
	fmt.Fprintf(r.log, "the emulator was asked %d times\n", d.cloud.proxy.Calls.Load())
	return nil
}

func hold(ctx context.Context, r *report, d *deployment, claims []claim) {
	for _, claim := range claims {
		r.step(ctx, claim.says, func() error { return claim.holds(ctx, d) })
	}
}

// moduleOf is the folder of a resource of aws, by the address of its module.
func moduleOf(address string) string {
	name := keys.ReplaceAllString(address, "")
	if i := strings.LastIndex(name, "module."); i >= 0 {
		name = name[i+len("module."):]
	}
	switch name {
	case "", "cim":
		return root
	case "route":
		return "modules/routefn"
	}
	return "modules/" + name
}
