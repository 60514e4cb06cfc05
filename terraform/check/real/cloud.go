package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// region is where everything is made.
const region = "eu-central-1"

// cloud is an emulator of AWS' API and the proxy to it. No program with its environment
// can reach the real AWS. The proxy connects only to the emulator, certificates of real
// servers are not trusted, and the caller's credentials are left out.
type cloud struct {
	emulator  *process
	proxy     *proxy
	authority *authority // whom all programs with the environment trust, and nobody else
	aws       string     // path of AWS' command line
	env       []string
}

// startCloud starts an empty account. dir gets its log and its certificate.
func startCloud(ctx context.Context, dir string, t tools) (*cloud, error) {
	emulator, err := launch(ctx, dir, []string{"MOTO_IAM_LOAD_MANAGED_POLICIES=true"}, t.moto,
		func(port string) []string { return []string{"-H", "127.0.0.1", "-p", port} })
	if err != nil {
		return nil, err
	}
	c := &cloud{emulator: emulator, aws: t.aws}
	if err := c.reach(dir); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// reach starts the proxy and writes down what its clients need.
func (c *cloud) reach(dir string) error {
	a, err := newAuthority()
	if err != nil {
		return err
	}
	trust := filepath.Join(dir, "trust")
	if err := os.Mkdir(trust, 0o755); err != nil {
		return err
	}
	trusted := filepath.Join(trust, "authority.pem")
	if err := os.WriteFile(trusted, a.PEM(), 0o644); err != nil {
		return err
	}
	if c.proxy, err = newProxy(a, c.emulator.addr); err != nil {
		return err
	}
	c.authority = a
	c.env = []string{
		"HTTPS_PROXY=" + c.proxy.URL(),
		"NO_PROXY=",
		"AWS_CA_BUNDLE=" + trusted, // AWS' tools and terraform's provider
		"SSL_CERT_FILE=" + trusted, // programs of ours
		"SSL_CERT_DIR=" + trust,    // in place of the system's, which they would take as well
		"AWS_ACCESS_KEY_ID=emulated",
		"AWS_SECRET_ACCESS_KEY=emulated",
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	return nil
}

// Env returns an environment in which AWS is the emulator.
func (c *cloud) Env(base []string) []string {
	var kept []string
	for _, variable := range base {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "AWS_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			kept = append(kept, variable)
		}
	}
	return append(kept, c.env...)
}

// Stop ends the account and all that is in it.
func (c *cloud) Stop() {
	if c.proxy != nil {
		c.proxy.Close()
	}
	c.emulator.Stop()
}

// ask runs a command of AWS' command line and decodes its answer into out; nil
// drops it.
func (c *cloud) ask(ctx context.Context, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, c.aws, append(args, "--output", "json")...)
	cmd.Env = c.Env(os.Environ())
	answer, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil {
		return fmt.Errorf("aws %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
