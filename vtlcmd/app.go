package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"govtl/bus"
	"govtl/internal/config"
	"govtl/internal/daemon"
	"govtl/internal/models"
)

// Deadlines of what operators ask, unless --timeout says otherwise.
const (
	quick = 10 * time.Second  // what needs no motion
	slow  = 120 * time.Second // moves and loads, with the model's real times perhaps
	reach = 3 * time.Second   // to find the bus
)

// app is one run of the program.
type app struct {
	stdout, stderr io.Writer
	flags          daemon.Flags
	json           bool
	timeout        time.Duration // 0: by command

	paths config.Paths
	suite *config.Suite
	conn  *bus.Conn // nil until connect
}

// load finds the places and reads the configuration.
func (a *app) load() error {
	if a.suite != nil {
		return nil
	}
	var err error
	if a.paths, err = a.flags.OperatorPaths(); err != nil {
		return err
	}
	a.suite, err = config.Load(a.paths.Config, models.Checks(a.paths.Models, a.flags.Listen))
	if errors.Is(err, fs.ErrNotExist) {
		return daemon.WithHint(fmt.Errorf("no configuration at %s", a.paths.Config),
			"'vtlcmd up' writes one; --config FILE and --state DIR name another suite")
	}
	return err
}

// connect reaches the bus, or says why not.
func (a *app) connect(ctx context.Context) error {
	if a.conn != nil {
		return nil
	}
	if err := a.load(); err != nil {
		return err
	}
	o := busOptions(a.suite, a.paths, "vtlcmd")
	if o.RunDir != "" {
		if _, err := bus.ReadAccess(o.RunDir); err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return daemon.WithHint(err, "only the suite's own user may give it orders: sudo -u USER vtlcmd ...")
			}
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("the suite does not run: there is no %s", filepath.Join(o.RunDir, bus.FileName))
			}
			return daemon.WithHint(err, "'vtlcmd up' or 'systemctl start vtl.target' starts it; --state DIR names another one")
		}
	}
	c, err := bus.Connect(o)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, reach)
	defer cancel()
	if err := c.WaitConnected(wait); err != nil {
		c.Close()
		return daemon.WithHint(err, "'vtlcmd up' or 'systemctl start vtl.target' starts the suite; 'vtlcmd doctor' looks for the reason")
	}
	a.conn = c
	return nil
}

// busOptions say where the bus of a suite is.
func busOptions(s *config.Suite, p config.Paths, name string) bus.ConnectOptions {
	o := bus.ConnectOptions{URL: s.Bus.URL, Credentials: s.Bus.Credentials, CA: s.Bus.CA, Name: name}
	if o.URL == "" {
		o.RunDir = p.Run
	}
	return o
}

// close puts everything away.
func (a *app) close() {
	if a.conn != nil {
		a.conn.Close()
	}
}

// within bounds one request.
func (a *app) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		limit = a.timeout
	}
	return context.WithTimeout(ctx, limit)
}

// ask sends one request within a limit.
func ask[Req, Resp any](ctx context.Context, a *app, limit time.Duration, e bus.Endpoint[Req, Resp], req Req) (Resp, error) {
	var none Resp
	if err := a.connect(ctx); err != nil {
		return none, err
	}
	ctx, cancel := a.within(ctx, limit)
	defer cancel()
	resp, err := bus.Call(ctx, a.conn, e, req)
	switch {
	case errors.Is(err, bus.ErrAbsent):
		err = daemon.WithHint(err, "'vtlcmd status' shows what runs, the suite's log says why not")
	case errors.Is(err, bus.ErrUnreachable):
		err = daemon.WithHint(err, "it may still do it: look with 'vtlcmd status'")
	}
	return resp, err
}

// print writes a reply, for people or as JSON.
func (a *app) print(text string, data any) error {
	if !a.json {
		if text == "" {
			return nil
		}
		_, err := fmt.Fprintln(a.stdout, text)
		return err
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(data)
}

// executable is a program of the suite: beside this one, else in the PATH.
func executable(name string) (string, error) {
	self, err := os.Executable()
	if err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if fi, err := os.Stat(beside); err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o111 != 0 {
			return beside, nil
		}
	}
	return lookPath(name)
}
