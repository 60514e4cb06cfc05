package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	cache, _ := os.UserCacheDir() // without one, -cache must be said
	o := options{log: os.Stdout}
	flag.StringVar(&o.cache, "cache", filepath.Join(cache, "cim", "terraform"), "`folder` for the provider and moto, which are installed if they are not there")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder that all is done in, and say where it is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := check(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-check:", err)
		os.Exit(1)
	}
}

type options struct {
	cache string
	keep  bool
	log   io.Writer
}

// check does all of it, from the folder terraform/check.
func check(ctx context.Context, o options) error {
	t, err := install(ctx, o.cache, o.log)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cim-terraform-")
	if err != nil {
		return err
	}
	if o.keep {
		fmt.Fprintln(o.log, "working in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	r := newReport(o.log)
	err = errors.Join(modulesHold(ctx, r, t, dir), emulatedHolds(ctx, r, t, dir))
	return errors.Join(err, r.Close())
}
