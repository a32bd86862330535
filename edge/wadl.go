package edge

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"
)

// wadlPath is where the document is that the version's details name.
const wadlPath = "/v1.0/application.wadl"

// wadl describes the routes of v1.0 for programs that make clients. Source: Web Application Description Language, 2009.
type wadl struct {
	XMLName   xml.Name      `xml:"http://wadl.dev.java.net/2009/02 application"`
	Resources wadlResources `xml:"resources"`
}

type wadlResources struct {
	Base string         `xml:"base,attr"`
	List []wadlResource `xml:"resource"`
}

type wadlResource struct {
	Path    string       `xml:"path,attr"`
	Params  []wadlParam  `xml:"param"`
	Methods []wadlMethod `xml:"method"`
}

type wadlParam struct {
	Name  string `xml:"name,attr"`
	Style string `xml:"style,attr"`
}

type wadlMethod struct {
	Name string `xml:"name,attr"`
}

// wadl answers with every route below /v1.0, a path once.
func (s *Server) wadl(context.Context, *Request) (Response, error) {
	doc := wadl{Resources: wadlResources{Base: s.config.PublicURL}}
	at := map[string]int{}
	for _, route := range s.router.routes {
		if !strings.HasPrefix(route.Path, "/v1.0/{") {
			continue
		}
		i, known := at[route.Path]
		if !known {
			i = len(doc.Resources.List)
			at[route.Path] = i
			doc.Resources.List = append(doc.Resources.List, wadlResource{Path: route.Path, Params: wadlParams(route.Path)})
		}
		methods := &doc.Resources.List[i].Methods
		*methods = append(*methods, wadlMethod{route.Verb})
	}
	text, err := xml.Marshal(doc)
	if err != nil {
		return Response{}, fmt.Errorf("describe the routes: %w", err)
	}
	return Response{Body: XML(`<?xml version="1.0"?>` + "\n" + string(text))}, nil
}

// wadlParams are the names in braces of a path.
func wadlParams(path string) []wadlParam {
	var list []wadlParam
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			list = append(list, wadlParam{strings.TrimSuffix(name, "}"), "template"})
		}
	}
	return list
}
