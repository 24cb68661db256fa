package wire

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

//go:embed models.json.gz
var packed []byte

// Service is one AWS service on the wire, as its model describes it.
type Service struct {
	Name         string `json:"-"` // botocore's name of the model: ec2, elbv2, rds, stepfunctions, scheduler, sts, lambda
	Protocol     string `json:"protocol"`
	TargetPrefix string `json:"targetPrefix"`
	JSONVersion  string `json:"jsonVersion"`
	XMLNamespace string `json:"xmlNamespace"`

	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
	Errors     map[string]int        `json:"errors"` // HTTP status by error code, where it is not 400
}

type operation struct {
	HTTP struct {
		Method     string `json:"method"`
		RequestURI string `json:"requestUri"`
	} `json:"http"`
	Input  *reference `json:"input"`
	Output *reference `json:"output"`
}

// reference is where one shape uses another.
type reference struct {
	Shape            string `json:"shape"`
	LocationName     string `json:"locationName"`
	QueryName        string `json:"queryName"`
	Location         string `json:"location"`
	ResultWrapper    string `json:"resultWrapper"`
	IdempotencyToken bool   `json:"idempotencyToken"`
}

type member struct {
	reference
	Name string `json:"name"`
}

type shape struct {
	Type     string     `json:"type"`
	Required []string   `json:"required"`
	Members  []member   `json:"members"`
	Member   *reference `json:"member"`
	Value    *reference `json:"value"`
	Enum     []string   `json:"enum"`
	Min      *float64   `json:"min"`
	Max      *float64   `json:"max"`
	Pattern  string     `json:"pattern"`
	Payload  string     `json:"payload"` // the member that is the whole body

	pattern *regexp.Regexp
}

var models = sync.OnceValues(func() (map[string]*Service, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var services map[string]*Service
	if err := json.NewDecoder(z).Decode(&services); err != nil {
		return nil, err
	}
	for name, s := range services {
		s.Name = name
		for at, sh := range s.Shapes {
			if sh.Pattern == "" {
				continue
			}
			if sh.pattern, err = regexp.Compile("^(?:" + sh.Pattern + ")$"); err != nil {
				return nil, fmt.Errorf("pattern of %s %s: %w", name, at, err)
			}
		}
	}
	return services, nil
})

// Lookup finds the service whose model has that name.
func Lookup(name string) (*Service, error) {
	services, err := models()
	if err != nil {
		return nil, fmt.Errorf("read AWS's models: %w", err)
	}
	s := services[name]
	if s == nil {
		return nil, fmt.Errorf("look up service %s: no such model", name)
	}
	return s, nil
}

func (s *Service) shape(r reference) *shape { return s.Shapes[r.Shape] }

// requestName is what m is called in a request.
func (s *Service) requestName(m member) string {
	switch {
	case s.Protocol == "ec2" && m.QueryName != "":
		return m.QueryName
	case s.Protocol == "ec2" && m.LocationName != "":
		return strings.ToUpper(m.LocationName[:1]) + m.LocationName[1:]
	}
	return m.answerName()
}

func (m member) answerName() string {
	if m.LocationName != "" {
		return m.LocationName
	}
	return m.Name
}

// elementName is what an element of a list is called in XML.
func (r reference) elementName() string {
	if r.LocationName != "" {
		return r.LocationName
	}
	return "member"
}

// field is what the SDK calls the member: the model's name, exported.
func (m member) field() string { return strings.ToUpper(m.Name[:1]) + m.Name[1:] }
