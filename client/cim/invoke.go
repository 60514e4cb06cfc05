package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/faas"
	"github.com/cim-go/cim/proto/process"
)

// runInvoke is `cim invoke METHOD PATH [BODY]`. It starts the route as a function and
// sends it one event, as a platform for functions would.
func runInvoke(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim invoke", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var c invocation
	fs.StringVar(&c.file, "event", "", "`file` with an event to send as it is, instead of METHOD PATH [BODY]")
	shape := fs.String("shape", faas.Shapes[0].Name, "front `end` that the event is to come from: "+shapeNames())
	fs.StringVar(&c.token, "token", "", "`token` of a login, or the service token for paths of nodes")
	fs.StringVar(&c.program, "program", "", "`program` of the function, such as a bootstrap file; empty: this program. It reads CIM_REDIS,\nCIM_RING, CIM_CLUSTER_KEY and so on from the environment: see cim route -h")
	var err error
	if c.request, err = process.ParseWords(fs, "METHOD PATH [BODY]", args); err != nil {
		return err
	}
	var ok bool
	if c.shape, ok = faas.ShapeNamed(*shape); !ok {
		return fmt.Errorf("%w: -shape %q: want one of %s", process.ErrUsage, *shape, shapeNames())
	}
	if n := len(c.request); (c.file == "") == (n == 0) || n == 1 || n > 3 {
		return fmt.Errorf("%w: want cim invoke METHOD PATH [BODY], or cim invoke -event FILE", process.ErrUsage)
	}
	return c.run(ctx, os.Stdout, stderr)
}

func shapeNames() string {
	var names []string
	for _, s := range faas.Shapes {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// invocation has the flags and arguments of runInvoke.
type invocation struct {
	file    string   // file with an event; empty: request is used
	request []string // method, path and body
	shape   faas.Shape
	token   string
	program string
}

func (c *invocation) run(ctx context.Context, out, stderr io.Writer) error {
	payload, err := c.payload()
	if err != nil {
		return err
	}
	command := []string{c.program}
	if c.program == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find own program: %w", err)
		}
		command = []string{self, "route"}
	}
	function, err := faas.New(faas.Config{Command: command, Log: stderr})
	if err != nil {
		return err
	}
	defer function.Close()
	begun := time.Now()
	answer, err := function.Invoke(ctx, payload)
	if err != nil {
		return fmt.Errorf("invoke function: %w", err)
	}
	took := time.Since(begun)
	response, err := c.shape.Response(answer)
	if err != nil {
		return fmt.Errorf("%w: %s", err, answer)
	}
	fmt.Fprintf(stderr, "answered %.1f ms after the start of the process\n", took.Seconds()*1000)
	fmt.Fprintf(out, "%d %s\n", response.Status, http.StatusText(response.Status))
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		fmt.Fprintf(out, "%s: %s\n", name, strings.Join(response.Header[name], ", "))
	}
	_, err = fmt.Fprintf(out, "\n%s\n", response.Body)
	return err
}

// payload is the event that is sent.
func (c *invocation) payload() ([]byte, error) {
	if c.file != "" {
		payload, err := os.ReadFile(c.file)
		if err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		return payload, nil
	}
	body := ""
	if len(c.request) == 3 {
		body = c.request[2]
	}
	r, err := http.NewRequest(strings.ToUpper(c.request[0]), c.request[1], strings.NewReader(body))
	if err != nil || !strings.HasPrefix(c.request[1], "/") {
		return nil, fmt.Errorf("%w: %q is no request", process.ErrUsage, strings.Join(c.request[:2], " "))
	}
	r.Host = "localhost"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.shape.Event(r, []byte(body))
}
