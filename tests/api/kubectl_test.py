#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real kubectl against our API server: the commands people use, unmodified."""
import json, os, re, shutil, subprocess, sys, tempfile

from server import Server, wait

WIDGETS = '''
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.example.com}
spec:
  group: test.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What the widget should be.
            properties:
              size: {type: integer, minimum: 1, description: How big it is.}
              replicas: {type: integer, default: 1}
          status:
            type: object
            properties: {phase: {type: string}, replicas: {type: integer}}
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
'''
WIDGET = '''
apiVersion: test.example.com/v1
kind: Widget
metadata: {name: w1}
spec: {size: %d}
'''
APP = '''
apiVersion: v1
kind: ConfigMap
metadata: {name: app, labels: {tier: web}}
data: {key: "%s"}
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec:
  selector: {app: app}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: app, labels: {app: app}}
spec:
  containers: [{name: main, image: example/app:1}]
'''


class Kubectl:
    def __init__(self, server, directory):
        self.server = server
        self.env = {'PATH': os.environ['PATH'], 'HOME': directory, 'KUBECONFIG': server.kubeconfig}
        self.n = self.skipped = 0
        out = subprocess.run(['kubectl', 'version', '--client', '-o', 'json'], env=self.env, stdout=subprocess.PIPE, check=True)
        self.version = json.loads(out.stdout)['clientVersion']['gitVersion']
        self.minor = int(re.match(r'v1\.(\d+)', self.version).group(1))

    def __call__(self, command, want, stdin=None, code=0, since=0):
        """runs it and looks for a pattern in its output; a kubectl older than 1.<since> does not know it"""
        if self.minor < since:
            self.skipped += 1
            return ''
        self.n += 1
        args = [command] if isinstance(command, str) else command
        argv = ['kubectl'] + (args[0].split() + args[1:])
        p = subprocess.run(argv, input=stdin, env=self.env, text=True, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if p.returncode != code or not re.search(want, p.stdout, re.S):
            sys.exit('%s ended with %d (wanted %d and %r):\n%s\n%s' % (' '.join(argv), p.returncode, code, want, p.stdout,
                                                                    self.server.log_text()[-2000:]))
        return p.stdout


    def status(self, path, status):
        """what a controller would write, not people"""
        code, answer = self.server.call('PATCH', path + '/status', {'status': status}, content_type='application/merge-patch+json')
        if code != 200:
            sys.exit('PATCH %s/status: %d %s' % (path, code, answer))


def built_in(k):
    k('version', r'v1\.32\.0\+atoll')
    k('api-versions', r'coordination.k8s.io/v1.*\nv1\n')
    k('api-resources', r'configmaps +cm +v1 +true +ConfigMap')
    k('get namespaces', r'default +Active')
    k('get all -A', r'No resources found')
    k('create namespace team', r'namespace/team created')
    k('get serviceaccount default -n team', r'default')
    k('apply -f -', r'configmap/app created.*service/app created.*pod/app created', stdin=APP % 'one')
    k('apply -f -', r'configmap/app unchanged.*service/app unchanged.*pod/app unchanged', stdin=APP % 'one')
    k('apply -f -', r'configmap/app configured', stdin=APP % 'two')
    k('diff -f -', r'\+  key: three', stdin=APP % 'three', code=1)
    k('get configmap app -o jsonpath={.data.key}', r'^two$')
    k('get pods -o wide', r'NAME +READY +STATUS.*app +0/1 +Pending')
    k('get service app', r'ClusterIP +10\.\d+\.\d+\.\d+ +<none> +80/TCP')
    k('describe pod app', r'Name: +app.*Image: +example/app:1')
    k('describe configmap app', r'key:')
    k('describe service app', r'TargetPort: +8080/TCP')
    k('describe namespace team', r'Status: +Active')
    k('logs app', r'^$')
    k('label configmap app extra=yes', r'labeled')
    k('get configmaps -l extra=yes,tier=web', r'app +1')
    k('annotate configmap app note=hello', r'annotated')
    k(['patch configmap app --type=merge -p', '{"data":{"more":"1"}}'], r'patched')
    k(['patch configmap app --type=json -p', '[{"op":"remove","path":"/data/more"}]'], r'patched')
    k(['patch service app -p', '{"spec":{"ports":[{"port":80,"targetPort":9090}]}}'], r'patched')
    k('get service app -o jsonpath={.spec.ports[*].targetPort}', r'^9090$')
    k('create configmap direct --from-literal=a=b', r'configmap/direct created')
    k('create secret generic s --from-literal=password=x', r'secret/s created')
    k('create serviceaccount robot', r'serviceaccount/robot created')
    k('create configmap direct --from-literal=a=b', r'already exists', code=1)
    k('get configmap nothing', r'NotFound', code=1)
    k('create -f -', r'unknown field', stdin='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"dta":{}}', code=1)
    k('auth can-i list pods', r'^yes')
    k('auth whoami', r'admin', since=28)
    k('explain service.spec.selector', r'FIELD: +selector')
    k('explain pod.spec.containers', r'image')
    k('events', r'No events found', since=26)
    k('get --raw /readyz', r'^ok$')
    k('apply --server-side -f -', r'server-side apply is not served', stdin=APP % 'two', code=1)
    k('delete configmap direct', r'deleted')
    k('delete pod app --wait=true --timeout=30s', r'deleted')
    k('delete namespace team --timeout=30s', r'deleted')
    k('get namespace team', r'NotFound', code=1)


def watches(server):
    """open watches, as the server counts them"""
    text = server.call('GET', '/metrics')[1].decode()
    return float(re.search(r'^atoll_apiserver_watches (\S+)$', text, re.M).group(1))


def waits(k, what, act):
    """kubectl wait, and what ends its wait once it watches"""
    p = subprocess.Popen(['kubectl', 'wait', 'pod/app', '--for=' + what, '--timeout=60s'], env=k.env, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait('kubectl to watch', lambda: p.poll() is not None or watches(k.server) > 0)
    act()
    out, _ = p.communicate(timeout=60)
    if p.returncode or 'condition met' not in out:
        sys.exit('kubectl wait --for=%s ended with %d: %s' % (what, p.returncode, out))
    wait('the watch to end', lambda: watches(k.server) == 0)
    k.n += 1


def watching(k):
    k('apply -f -', r'created', stdin=APP % 'one')
    ready = {'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True'}]}
    waits(k, 'condition=Ready', lambda: k.status('/api/v1/namespaces/default/pods/app', ready))
    waits(k, 'delete', lambda: k('delete pod app', r'deleted'))


def custom(k):
    k('apply -f -', r'customresourcedefinition.*created', stdin=WIDGETS)
    k('wait crd/widgets.test.example.com --for=condition=Established --timeout=30s', r'condition met')
    k('apply -f -', r'widget.test.example.com/w1 created', stdin=WIDGET % 3)
    k('apply -f -', r'widget.test.example.com/w1 configured', stdin=WIDGET % 4)
    k('apply -f -', r'spec.size in body should be greater than or equal to 1', stdin=WIDGET % 0, code=1)
    k('get wd', r'NAME +SIZE\s+w1 +4')
    k('get all', r'widget.test.example.com/w1')
    k('describe widget w1', r'Size: +4')
    k('explain widget.spec', r'What the widget should be')
    k('scale widget w1 --replicas=3', r'scaled')
    k('get widget w1 -o jsonpath={.spec.replicas}', r'^3$')
    k(['patch widget w1 --subresource=status --type=merge -p', '{"status":{"phase":"Bad"}}'], r'patched', since=24)
    k.status('/apis/test.example.com/v1/namespaces/default/widgets/w1', {'phase': 'Good'})
    k(['get widget w1 -o', 'jsonpath={.status.phase} {.metadata.generation}'], r'^Good 3$')
    k('delete crd widgets.test.example.com --timeout=30s', r'deleted')
    k('get widgets', r"could not find|doesn't have a resource type", code=1)  # its cache may still know the kind


def main():
    if not shutil.which('kubectl'):
        print('SKIPPED: kubectl is not installed (Debian: kubernetes-client)')
        return 77
    with tempfile.TemporaryDirectory(prefix='atoll-kubectl-') as d:
        server = Server(sys.argv[1], d)
        k = Kubectl(server, d)
        built_in(k)
        watching(k)
        custom(k)
        server.stop()
    print('kubectl %s: %d commands did as they should, %d are unknown to it' % (k.version, k.n, k.skipped))
    return 0


if __name__ == '__main__':
    sys.exit(main())
