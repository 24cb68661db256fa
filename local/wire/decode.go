package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// decode fills in, a pointer to the SDK's struct for the shape that r names.
func (s *Service) decode(n *node, r reference, in any) error {
	return s.value("", s.shape(r), n, reflect.ValueOf(in).Elem())
}

func (s *Service) value(at string, sh *shape, n *node, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch sh.Type {
	case "structure":
		return s.structure(at, sh, n, v)
	case "list":
		return s.list(at, sh, n, v)
	case "map":
		return s.mapping(at, sh, n, v)
	}
	return s.scalar(at, sh, n, v)
}

func (s *Service) structure(at string, sh *shape, n *node, v reflect.Value) error {
	if n.kind != object && n.kind != untyped {
		return s.mistyped(at, object)
	}
	known := map[string]bool{}
	for _, m := range sh.Members {
		name := s.requestName(m)
		known[name] = true
		kid := n.kids[name]
		if kid == nil {
			if slices.Contains(sh.Required, m.Name) {
				return s.missing(s.under(at, name))
			}
			continue
		}
		f := v.FieldByName(m.field())
		if !f.IsValid() {
			return fmt.Errorf("decode %s: %s has no field %s", name, v.Type(), m.field())
		}
		if err := s.value(s.under(at, name), s.shape(m.reference), kid, f); err != nil {
			return err
		}
	}
	for name := range n.kids {
		if !known[name] {
			return s.unknown(s.under(at, name))
		}
	}
	return nil
}

func (s *Service) list(at string, sh *shape, n *node, v reflect.Value) error {
	if n.kind != array && n.kind != untyped {
		return s.mistyped(at, array)
	}
	items, stray := n.list(s.Protocol, sh.Member.elementName())
	if stray != "" {
		return s.unknown(s.under(at, stray))
	}
	if err := s.length(at, sh, "["+strconv.Itoa(len(items))+" items]", len(items)); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if err := s.value(s.element(at, i+1), s.shape(*sh.Member), item, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mapping(at string, sh *shape, n *node, v reflect.Value) error {
	if n.kind != object {
		return s.mistyped(at, object)
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, kid := range n.kids {
		e := reflect.New(v.Type().Elem()).Elem()
		if err := s.value(s.under(at, key), s.shape(*sh.Value), kid, e); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), e)
	}
	return nil
}

func (s *Service) scalar(at string, sh *shape, n *node, v reflect.Value) error {
	if want := jsonKind(sh.Type); n.kind != untyped && n.kind != want {
		return s.mistyped(at, want)
	}
	switch sh.Type {
	case "string":
		if err := s.checkString(at, sh, n.text); err != nil {
			return err
		}
		v.SetString(n.text)
	case "boolean":
		b, err := strconv.ParseBool(n.text)
		if err != nil {
			return s.unreadable(at, n.text)
		}
		v.SetBool(b)
	case "integer", "long":
		i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
		if err != nil {
			return s.unreadable(at, n.text)
		}
		if err := s.bounds(at, sh, n.text, float64(i)); err != nil {
			return err
		}
		v.SetInt(i)
	case "float", "double":
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return s.unreadable(at, n.text)
		}
		if err := s.bounds(at, sh, n.text, f); err != nil {
			return err
		}
		v.SetFloat(f)
	case "timestamp":
		t, err := s.timestamp(n.text)
		if err != nil {
			return s.unreadable(at, n.text)
		}
		v.Set(reflect.ValueOf(t))
	case "blob":
		b, err := base64.StdEncoding.DecodeString(n.text)
		if err != nil {
			return s.unreadable(at, n.text)
		}
		v.SetBytes(b)
	default:
		return fmt.Errorf("decode %s: shapes of type %s are not supported", at, sh.Type)
	}
	return nil
}

func jsonKind(shapeType string) kind {
	switch shapeType {
	case "string", "blob":
		return text
	case "boolean":
		return boolean
	}
	return number
}

// timestamp reads a time: seconds since 1970 in JSON, ISO 8601 elsewhere.
func (s *Service) timestamp(in string) (time.Time, error) {
	if s.Protocol == "ec2" || s.Protocol == "query" || s.Protocol == "rest-xml" {
		t, err := time.Parse(time.RFC3339, in)
		return t.UTC(), err
	}
	f, err := strconv.ParseFloat(in, 64)
	return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), err
}

// plain is n under the names of the model.
func (s *Service) plain(n *node, r reference) any {
	sh := s.shape(r)
	switch sh.Type {
	case "structure":
		out := map[string]any{}
		for _, m := range sh.Members {
			if kid := n.kids[s.requestName(m)]; kid != nil {
				out[m.Name] = s.plain(kid, m.reference)
			}
		}
		return out
	case "list":
		items, _ := n.list(s.Protocol, sh.Member.elementName())
		out := make([]any, len(items))
		for i, item := range items {
			out[i] = s.plain(item, *sh.Member)
		}
		return out
	case "map":
		out := map[string]any{}
		for key, kid := range n.kids {
			out[key] = s.plain(kid, *sh.Value)
		}
		return out
	}
	return n.text
}
