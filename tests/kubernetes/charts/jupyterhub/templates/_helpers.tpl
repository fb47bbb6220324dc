{{- /* Secrets are given, or those of the release that is there, or made anew. */ -}}
{{- define "jupyterhub.known" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace "hub" -}}
{{- if $secret -}}{{- index (default dict $secret.data) .key | default "" | b64dec -}}{{- end -}}
{{- end -}}

{{- define "jupyterhub.token" -}}
{{- include "jupyterhub.known" . | default (randAlphaNum 64) -}}
{{- end -}}

{{- define "jupyterhub.labels" -}}
app: jupyterhub
release: {{ .Release.Name }}
chart: jupyterhub-{{ .Chart.Version }}
heritage: {{ .Release.Service }}
{{- end -}}

{{- define "jupyterhub.annotations" -}}
{{- with . }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Where pods are real, too, one that is asked to fail does so. */ -}}
{{- define "jupyterhub.sits" -}}
image: busybox:1.37
command: [sleep, "2147483647"]
readinessProbe: {exec: {command: [{{ hasKey (default dict .) "stage.test/fails" | ternary "false" "true" | quote }}]}}
{{- end -}}
