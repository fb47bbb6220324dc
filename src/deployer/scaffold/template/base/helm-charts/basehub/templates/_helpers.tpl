{{- define "basehub.labels" -}}
app.kubernetes.io/name: basehub
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* The hub's folder on the share: a hub's name is that of its release. */ -}}
{{- define "basehub.shareName" -}}
{{- .Values.nfs.pv.shareNameOverride | default .Release.Name -}}
{{- end -}}

{{- define "basehub.share" -}}
{{- printf "%s/%s" (trimSuffix "/" .Values.nfs.pv.baseShareName) (include "basehub.shareName" .) -}}
{{- end -}}

{{- /* Labels of the pods of users' servers, as the hub's chart gives them. */ -}}
{{- define "basehub.userPods" -}}
app: jupyterhub
component: singleuser-server
release: {{ .Release.Name }}
{{- end -}}

{{- /* Labels of dask-gateway's pods, but for their component. */ -}}
{{- define "basehub.daskPods" -}}
app.kubernetes.io/name: dask-gateway
{{- end -}}

{{- /* Pods of the namespace of the shared services, by one of their names. */ -}}
{{- define "basehub.fromSupport" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .root.Values.networkPolicy.supportNamespace }}
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ .name }}
{{- end -}}

{{- /* Where pods of users and of Dask may go: names, the internet, and nothing private. */ -}}
{{- define "basehub.outside" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          - 10.0.0.0/8
          - 172.16.0.0/12
          - 192.168.0.0/16
          - 169.254.169.254/32
{{- if dig "singleuser" "networkPolicy" "egressAllowRules" "cloudMetadataServer" false .Values.jupyterhub }}
- to:
    - ipBlock: {cidr: 169.254.169.254/32}
    - ipBlock: {cidr: 169.254.169.252/32}
{{- end }}
{{- end -}}
