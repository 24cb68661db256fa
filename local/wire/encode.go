package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// present says whether f is written: AWS leaves out what is not set, but numbers and booleans that the SDK holds by value
// are always set, and a list of an operation's result is written even when it is empty.
func present(f reflect.Value, top bool) bool {
	switch f.Kind() {
	case reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		return true
	case reflect.Slice:
		return top || !f.IsNil()
	}
	return !f.IsZero()
}

// xml writes the members of v, or v itself if it is a scalar.
func (s *Service) xml(b *bytes.Buffer, sh *shape, v reflect.Value, top bool) {
	v = reflect.Indirect(v)
	switch sh.Type {
	case "structure":
		for _, m := range sh.Members {
			if f := v.FieldByName(m.field()); m.Location == "" && present(f, top) {
				s.xmlElement(b, m.answerName(), s.shape(m.reference), f)
			}
		}
	case "list":
		for i := range v.Len() {
			s.xmlElement(b, sh.Member.elementName(), s.shape(*sh.Member), v.Index(i))
		}
	case "timestamp":
		b.WriteString(v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.000Z"))
	default:
		_ = xml.EscapeText(b, []byte(fmt.Sprint(v.Interface())))
	}
}

func (s *Service) xmlElement(b *bytes.Buffer, tag string, sh *shape, v reflect.Value) {
	b.WriteString("<" + tag + ">")
	s.xml(b, sh, v, false)
	b.WriteString("</" + tag + ">")
}

func (s *Service) json(b *bytes.Buffer, sh *shape, v reflect.Value, top bool) {
	v = reflect.Indirect(v)
	separator := ""
	next := func(name string) {
		b.WriteString(separator + strconv.Quote(name) + ":")
		separator = ","
	}
	switch sh.Type {
	case "structure":
		b.WriteString("{")
		for _, m := range sh.Members {
			if f := v.FieldByName(m.field()); present(f, top) {
				next(m.answerName())
				s.json(b, s.shape(m.reference), f, false)
			}
		}
		b.WriteString("}")
	case "list":
		b.WriteString("[")
		for i := range v.Len() {
			b.WriteString(separator)
			separator = ","
			s.json(b, s.shape(*sh.Member), v.Index(i), false)
		}
		b.WriteString("]")
	case "map":
		values := map[string]reflect.Value{}
		for _, key := range v.MapKeys() {
			values[key.String()] = v.MapIndex(key)
		}
		b.WriteString("{")
		for _, key := range slices.Sorted(maps.Keys(values)) {
			next(key)
			s.json(b, s.shape(*sh.Value), values[key], false)
		}
		b.WriteString("}")
	case "timestamp":
		b.WriteString(strconv.FormatFloat(float64(v.Interface().(time.Time).UnixMilli())/1000, 'f', 3, 64))
	default:
		text, _ := json.Marshal(v.Interface())
		b.Write(text)
	}
}
