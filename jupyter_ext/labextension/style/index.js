import '@mixpeek/ui/look.css';
import './base.css';
