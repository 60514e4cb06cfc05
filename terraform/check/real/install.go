package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cim-go/cim/terraform/check/pin"
	"github.com/cim-go/cim/terraform/check/workspace"
)

// tools are others' programs, installed by their ordinary clients.
type tools struct {
	mirror string // folder with the provider, as terraform wants it
	moto   string // path of moto_server
	aws    string // path of AWS' command line
}

// install installs missing tools into cache. Each version has a folder of its own. The
// next run repeats an installation that was not completed.
func install(ctx context.Context, cache string, log io.Writer) (tools, error) {
	python := filepath.Join(cache, "moto-"+pin.Moto+"-cli-"+pin.CLI)
	t := tools{
		mirror: filepath.Join(cache, "providers"),
		moto:   filepath.Join(python, "bin", "moto_server"),
		aws:    filepath.Join(python, "bin", "aws"),
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return t, err
	}
	if err := t.provider(ctx, log); err != nil {
		return t, fmt.Errorf("install the provider: %w", err)
	}
	if err := t.python(ctx, python, log); err != nil {
		return t, fmt.Errorf("install moto: %w", err)
	}
	return t, nil
}

// provider builds the provider with two compilers at a time, each of which needs up to 4
// GB. The linker needs 10 GB, and would need 12 GB with debug information.
func (t tools) provider(ctx context.Context, log io.Writer) error {
	path := workspace.Plugin(t.mirror)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	fmt.Fprintf(log, "no provider %s in %s: building it takes 50 minutes of CPU time and 10 GB of memory, once\n", pin.Provider, t.mirror)
	built, err := os.MkdirTemp(filepath.Dir(t.mirror), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(built)
	if err := run(ctx, log, []string{"GOBIN=" + built}, "go", "install", "-p", "2", "-ldflags=-s -w", pin.ProviderModule); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(filepath.Join(built, "terraform-provider-aws"), path)
}

// python installs moto and the command line into one folder of Python's.
func (t tools) python(ctx context.Context, folder string, log io.Writer) error {
	done := filepath.Join(folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := run(ctx, log, nil, "python3", "-m", "venv", "--clear", folder); err != nil {
		return err
	}
	err := run(ctx, log, nil, filepath.Join(folder, "bin", "pip"), "install", "--quiet", "moto[server]=="+pin.Moto, "awscli=="+pin.CLI)
	if err != nil {
		return err
	}
	return os.WriteFile(done, nil, 0o644)
}

func run(ctx context.Context, log io.Writer, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd.Run()
}
