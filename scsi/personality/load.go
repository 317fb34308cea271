package personality

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed models/*.yaml media/*.yaml libraries/*.yaml recorders/*.yaml discs/*.yaml
var embedded embed.FS

// maxFile bounds what is read of one model file, in bytes.
const maxFile = 1 << 20

// ErrUnknown: no file describes a model of that name.
var ErrUnknown = errors.New("personality: unknown model")

// header is what every model file may have beside its own keys.
type header struct {
	base, device string
	abstract     bool
}

// readHeader finds the header in a file without decoding all of it: that is left
// to load, which refuses what is wrong.
func readHeader(data []byte) (h header) {
	for line := range bytes.Lines(data) {
		key, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		value, _, _ = strings.Cut(value, " #")
		value = strings.Trim(value, " \t\r\n\"'")
		switch key {
		case "base":
			h.base = value
		case "device":
			h.device = value
		case "abstract":
			h.abstract = value == "true"
		}
	}
	return h
}

// readModel returns the file of a model: NAME.yaml of the first directory that has it,
// else of the embedded folder.
func readModel(folder, name string, dirs []string) ([]byte, string, error) {
	if name == "" || name != path.Base(name) || strings.ContainsAny(name, `/\`) {
		return nil, "", fmt.Errorf("%w %q", ErrUnknown, name)
	}
	for _, d := range dirs {
		file := filepath.Join(d, name+".yaml")
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("personality: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		f.Close()
		if err != nil {
			return nil, "", fmt.Errorf("personality: %w", err)
		}
		if len(data) > maxFile {
			return nil, "", fmt.Errorf("personality: %s: larger than %d bytes", file, maxFile)
		}
		return data, file, nil
	}
	file := folder + "/" + name + ".yaml"
	data, err := embedded.ReadFile(file)
	if err != nil {
		return nil, "", fmt.Errorf("%w %q", ErrUnknown, name)
	}
	return data, file, nil
}

// load decodes the model into v: its bases first, each file over the one before.
// clear resets those fields of v that are not inherited.
func load(folder, name string, dirs []string, v any, clear func()) (file string, err error) {
	var chain [][]byte
	var files []string
	for next := name; next != ""; {
		data, f, err := readModel(folder, next, dirs)
		if err != nil {
			if len(files) > 0 {
				return "", fmt.Errorf("%s: base: %w", files[len(files)-1], err)
			}
			return "", err
		}
		if slices.Contains(files, f) {
			return "", fmt.Errorf("personality: %s: is its own base", f)
		}
		chain, files = append(chain, data), append(files, f)
		next = readHeader(data).base
	}
	for i := len(chain) - 1; i >= 0; i-- {
		clear()
		dec := yaml.NewDecoder(bytes.NewReader(chain[i]))
		dec.KnownFields(true)
		if err := dec.Decode(v); err != nil {
			return "", fmt.Errorf("personality: %s: %w", files[i], err)
		}
		if err := dec.Decode(new(any)); err != io.EOF {
			return "", fmt.Errorf("personality: %s: more than one document", files[i])
		}
	}
	if len(files) == 0 {
		return "", fmt.Errorf("%w: one without a name", ErrUnknown)
	}
	return files[0], nil
}

// names lists the models of a folder that are not only bases and whose device is one of
// the given kinds, in alphabetical order.
func names(folder string, dirs []string, device string) []string {
	found := map[string]bool{}
	add := func(name string, data []byte) {
		h := readHeader(data)
		if found[name] || h.abstract {
			return
		}
		if kind := inherited(folder, h, dirs); kind == device {
			found[name] = true
		}
	}
	for _, d := range dirs {
		entries, err := os.ReadDir(d)
		if err != nil {
			continue // a directory that is not there holds no models
		}
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
				if data, _, err := readModel(folder, name, dirs); err == nil {
					add(name, data)
				}
			}
		}
	}
	entries, _ := embedded.ReadDir(folder)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok {
			if data, _, err := readModel(folder, name, dirs); err == nil {
				add(name, data)
			}
		}
	}
	var all []string
	for n := range found {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// inherited is the device kind of a file, its own or the nearest base's.
func inherited(folder string, h header, dirs []string) string {
	for range 8 {
		if h.device != "" || h.base == "" {
			return h.device
		}
		data, _, err := readModel(folder, h.base, dirs)
		if err != nil {
			return ""
		}
		h = readHeader(data)
	}
	return ""
}
