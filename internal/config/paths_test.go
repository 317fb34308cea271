package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResolvePaths(t *testing.T) {
	long := "/srv/" + strings.Repeat("x", 90)
	for _, tc := range []struct {
		name string
		o    PathOptions
		uid  int
		env  map[string]string
		want Paths
	}{
		{"root", PathOptions{}, 0, nil,
			Paths{"/etc/vtl/vtl.yaml", "/etc/vtl/models", "/var/lib/vtl", "/run/vtl"}},
		{"systemd", PathOptions{}, 997, map[string]string{"STATE_DIRECTORY": "/var/lib/vtl", "RUNTIME_DIRECTORY": "/run/vtl:/run/other", "CONFIGURATION_DIRECTORY": "/etc/vtl"},
			Paths{"/etc/vtl/vtl.yaml", "/etc/vtl/models", "/var/lib/vtl", "/run/vtl"}},
		{"user", PathOptions{}, 1000, map[string]string{"HOME": "/users/u", "XDG_RUNTIME_DIR": "/run/user/1000"},
			Paths{"/users/u/.config/vtl/vtl.yaml", "/users/u/.config/vtl/models", "/users/u/.local/state/vtl", "/run/user/1000/vtl"}},
		{"user with XDG", PathOptions{}, 1000, map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/r"},
			Paths{"/c/vtl/vtl.yaml", "/c/vtl/models", "/s/vtl", "/r/vtl"}},
		{"user without runtime directory", PathOptions{}, 654321, map[string]string{"HOME": "/users/u"},
			Paths{"/users/u/.config/vtl/vtl.yaml", "/users/u/.config/vtl/models", "/users/u/.local/state/vtl", "/users/u/.local/state/vtl/run"}},
		{"options", PathOptions{Config: "/a/b.yaml", State: "/s"}, 1000, nil,
			Paths{"/a/b.yaml", "/a/models", "/s", "/s/run"}},
		{"long state", PathOptions{Config: "/a/b.yaml", State: long}, 1000, nil,
			Paths{"/a/b.yaml", "/a/models", long, "/tmp/vtl-1000-551f0c73098fde88"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Getenv = func(k string) string { return tc.env[k] }
			tc.o.Getuid = func() int { return tc.uid }
			got, err := ResolvePaths(tc.o)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
			if s := got.Socket(KindLibrary, MaxID); len(s) > 107 {
				t.Errorf("socket %s has %d bytes", s, len(s))
			}
		})
	}
}

func TestNoHomeIsTold(t *testing.T) {
	_, err := ResolvePaths(PathOptions{Getenv: func(string) string { return "" }, Getuid: func() int { return 1000 }})
	if err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("got %v", err)
	}
}

func TestRelativeOptionsBecomeAbsolute(t *testing.T) {
	p, err := ResolvePaths(PathOptions{Config: "vtl.yaml", State: "state"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{p.Config, p.Models, p.State, p.Run} {
		if !filepath.IsAbs(s) {
			t.Errorf("%s is relative", s)
		}
	}
}

func TestRunDirectoryIsPrivate(t *testing.T) {
	p := Paths{State: filepath.Join(t.TempDir(), "state")}
	p.Run = filepath.Join(p.State, "run")
	if err := p.MakeDirs(); err != nil {
		t.Fatal(err)
	}
	if err := p.MakeDirs(); err != nil {
		t.Errorf("a second time: %v", err)
	}
	fi, err := os.Stat(p.Run)
	if err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if err := os.Chmod(p.Run, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := p.MakeDirs(); err == nil || !strings.Contains(err.Error(), "mode 0777") {
		t.Errorf("a directory for everybody: %v", err)
	}
	if err := os.Remove(p.Run); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), p.Run); err != nil {
		t.Fatal(err)
	}
	if err := p.MakeDirs(); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a link: %v", err)
	}
}

func TestHomes(t *testing.T) {
	p := Paths{State: "/s"}
	l := &Library{ID: 10}
	if got := p.LibraryHome(l); got != "/s/cartridges/10" {
		t.Errorf("library %s", got)
	}
	if got := p.DriveHome(&Drive{}, l); got != "/s/cartridges/10" {
		t.Errorf("drive in a library %s", got)
	}
	if got := p.DriveHome(&Drive{}, nil); got != "/s/cartridges/shelf" {
		t.Errorf("lone drive %s", got)
	}
	if got := p.DriveHome(&Drive{Home: "/t"}, nil); got != "/t" {
		t.Errorf("lone drive with a home %s", got)
	}
}
