// Package workspace runs terraform on a copy of terraform/, so that nothing it
// writes stays between the sources, with a provider from a folder.
package workspace

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/terraform/check/pin"
)

// Inner is the one module that terraform neither validates nor tests alone: its
// ephemeral output is for a caller only, and mocks know no ephemeral resources. It is
// valid as a part of aws and of examples/store.
const Inner = "modules/secrets"

// Workspace is a folder with copies of terraform/ and, in dist and bin, whatever
// stands for what `make dist` and `make build` make.
type Workspace struct {
	Dir string
	Env []string // of terraform; New sets it, and its owner may add to it
}

// New copies terraform/ from source into dir. Providers come from mirror alone:
// see [Plugin].
func New(dir, source, mirror string) (*Workspace, error) {
	w := &Workspace{Dir: dir}
	if err := os.CopyFS(filepath.Join(dir, "terraform"), os.DirFS(source)); err != nil {
		return nil, fmt.Errorf("copy %s: %w", source, err)
	}
	config := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := w.Write("terraformrc", config); err != nil {
		return nil, err
	}
	w.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "terraformrc"),
		"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
	return w, nil
}

// Plugin is the path below a mirror where terraform looks for the provider.
func Plugin(mirror string) string {
	return filepath.Join(mirror, "registry.terraform.io/hashicorp/aws", pin.Provider,
		runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-aws_v"+pin.Provider)
}

// Modules returns all folders below source with configurations, slash-separated.
func Modules(source string) (dirs []string, err error) {
	for _, pattern := range []string{"modules/*", "examples/*", "aws", "local", "local/process"} {
		found, err := filepath.Glob(filepath.Join(source, pattern, "main.tf"))
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("no module in %s (%v)", pattern, err)
		}
		for _, path := range found {
			dir, err := filepath.Rel(source, filepath.Dir(path))
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, filepath.ToSlash(dir))
		}
	}
	return dirs, nil
}

// PlaceHolders writes files where configurations expect artifacts: enough for
// terraform to read them, and nothing that runs.
func (w *Workspace) PlaceHolders() error {
	for _, name := range []string{"dist/SHA256SUMS", "dist/cim-server_linux_arm64.zip", "dist/cim-route_linux_arm64.zip",
		"bin/cim-server", "bin/cim-route", "bin/cim"} {
		if err := w.Write(name, "stands for what make makes\n"); err != nil {
			return err
		}
	}
	return nil
}

// StandIn replaces a module that mocks cannot do by the one of the same name in
// stands, which has the same variables and outputs.
func (w *Workspace) StandIn(module, stands string) error {
	to := filepath.Join(w.Dir, "terraform", module)
	for _, name := range []string{"main.tf", "outputs.tf"} {
		if err := os.Remove(filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return os.CopyFS(to, os.DirFS(filepath.Join(stands, filepath.Base(module))))
}

// Write writes a file of the workspace.
func (w *Workspace) Write(name, text string) error {
	path := filepath.Join(w.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Terraform runs a command in a module and returns what it prints. When ctx ends,
// terraform is asked to end and gets time to write its state.
func (w *Workspace) Terraform(ctx context.Context, module string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "terraform", slices.Insert(slices.Clone(args), 1, "-no-color")...) // a plan's file is last
	cmd.Dir, cmd.Env = filepath.Join(w.Dir, "terraform", module), w.Env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("terraform %s in %s: %w\n%s", strings.Join(args, " "), module, err, out)
	}
	return string(out), nil
}

// Valid initialises a module and validates it. A warning is an error.
func (w *Workspace) Valid(ctx context.Context, module string) error {
	if _, err := w.Terraform(ctx, module, "init", "-input=false"); err != nil {
		return err
	}
	out, err := w.Terraform(ctx, module, "validate")
	if err == nil && strings.Contains(out, "Warning") {
		err = fmt.Errorf("terraform validate in %s warns:\n%s", module, out)
	}
	return err
}

// Tested returns the modules that have mocked tests.
func (w *Workspace) Tested() (modules []string, err error) {
	all, err := Modules(filepath.Join(w.Dir, "terraform"))
	for _, module := range all {
		if _, none := os.Stat(filepath.Join(w.Dir, "terraform", module, "tests")); none == nil {
			modules = append(modules, module)
		}
	}
	if err == nil && len(modules) < 6 {
		err = fmt.Errorf("only %q have tests", modules)
	}
	return modules, err
}

// Mocked runs a module's mocked tests. To run none is an error.
func (w *Workspace) Mocked(ctx context.Context, module string) error {
	if _, err := w.Terraform(ctx, module, "init", "-input=false"); err != nil {
		return err
	}
	out, err := w.Terraform(ctx, module, "test")
	if err == nil && (!strings.Contains(out, "Success!") || strings.Contains(out, "Success! 0 passed")) {
		err = fmt.Errorf("terraform test in %s ran nothing:\n%s", module, out)
	}
	return err
}
