package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// function is the configuration of the route's function, as its alias has it.
type function struct {
	CodeSha256, Version, Runtime, Handler string
	Environment                           struct{ Variables map[string]string }
}

func (d *deployment) function(ctx context.Context) (f function, err error) {
	err = d.cloud.ask(ctx, &f, "lambda", "get-function-configuration", "--function-name", "cim-route", "--qualifier", "live")
	return f, err
}

// routeZip is the zip that was given to terraform.
func (d *deployment) routeZip() string {
	return filepath.Join(d.work.Dir, "dist/cim-route_linux_"+runtime.GOARCH+".zip")
}

func apiLeadsToFunction(ctx context.Context, d *deployment) error {
	f, err := d.function(ctx)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(d.routeZip())
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	if want := base64.StdEncoding.EncodeToString(sum[:]); f.CodeSha256 != want || f.Version == "$LATEST" || f.Runtime != "provided.al2023" {
		return fmt.Errorf("the alias is %+v, want a published version of %s", f, want)
	}
	api := d.state.one("aws_apigatewayv2_api", "id")
	var routes struct {
		Items []struct{ RouteKey, Target string }
	}
	if err := d.cloud.ask(ctx, &routes, "apigatewayv2", "get-routes", "--api-id", api); err != nil {
		return err
	}
	var integrations struct {
		Items []struct{ IntegrationID, IntegrationURI, PayloadFormatVersion string }
	}
	if err := d.cloud.ask(ctx, &integrations, "apigatewayv2", "get-integrations", "--api-id", api); err != nil {
		return err
	}
	if len(routes.Items) != 1 || len(integrations.Items) != 1 {
		return fmt.Errorf("want one route and one integration, found %+v and %+v", routes.Items, integrations.Items)
	}
	route, integration := routes.Items[0], integrations.Items[0]
	if route.RouteKey != "$default" || route.Target != "integrations/"+integration.IntegrationID ||
		!strings.HasSuffix(integration.IntegrationURI, ":function:cim-route:live/invocations") || integration.PayloadFormatVersion != "2.0" {
		return fmt.Errorf("the API leads to %+v by %+v", integration, route)
	}
	return nil
}

// functionCallsUnderTLS checks that the addresses in the environment of a function have TLS.
func functionCallsUnderTLS(ctx context.Context, d *deployment) error {
	f, err := d.function(ctx)
	if err != nil {
		return err
	}
	for name, want := range map[string]string{
		"CIM_RING": "seed:https://cim-seed." + domain + ":8081", "CIM_REDIS": "rediss://" + d.store.addr,
	} {
		if got := f.Environment.Variables[name]; got != want {
			err = errors.Join(err, fmt.Errorf("%s is %q, want %q", name, got, want))
		}
	}
	return err
}

// functionServes runs the deployed zip as Lambda would, in the environment that the
// deployed configuration has. It reaches the emulated Secrets Manager, whose names of
// secrets it was given, and the store; not the nodes, which the emulator does not run.
func functionServes(ctx context.Context, d *deployment) error {
	f, err := d.function(ctx)
	if err != nil {
		return err
	}
	bootstrap := filepath.Join(d.work.Dir, f.Handler)
	if err := unpack(d.routeZip(), f.Handler, bootstrap); err != nil {
		return err
	}
	for _, q := range []struct{ method, path, body, status, answer string }{
		{"GET", "/healthz", "", "200 OK", "ok"},
		{"POST", "/v1/register", `{"name": "alice", "password": "of alice"}`, "200 OK", `"name":"alice"`},
		{"POST", "/v1/register", `{"name": "alice", "password": "of bob"}`, "409 Conflict", "taken"},
	} {
		answer, err := d.invoke(ctx, bootstrap, f.Environment.Variables, q.method, q.path, q.body)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(answer, q.status+"\n") || !strings.Contains(answer, q.answer) {
			return fmt.Errorf("%s %s answered\n%s\nwant %s and %s", q.method, q.path, answer, q.status, q.answer)
		}
	}
	return nil
}

// invoke starts the function for one event and returns its answer.
func (d *deployment) invoke(ctx context.Context, bootstrap string, variables map[string]string, request ...string) (string, error) {
	args := []string{"invoke"}
	for _, word := range request {
		if word != "" {
			args = append(args, word)
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.work.Dir, "bin/cim"), append(args, "-program", bootstrap)...)
	cmd.Env = d.cloud.Env(os.Environ())
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	answer, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return string(answer), err
}

// unpack writes one file of a zip.
func unpack(archive, name, path string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer r.Close()
	file, err := r.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	program, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	return os.WriteFile(path, program, 0o755)
}
